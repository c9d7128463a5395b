//! `opabinia open`, and `opabinia` alone: the window.

use super::failure::Result;
use crate::image_source::ImageSource;
use crate::window::{self, Start};
use clap::Args;
use opabinia_engine::Error;
use std::path::{Path, PathBuf};

/// Open the window. This is also what happens without any command.
#[derive(Debug, Default, Args)]
pub struct Open {
    /// Checkpoint to open: its directory, organisation/name of one in the Hugging Face hub cache, or demo, which is part
    /// of the program. Without one, the one that was open last; the first time the demo.
    #[arg(value_name = "MODEL")]
    model: Option<String>,
    /// Picture to attach.
    #[arg(long, short, value_name = "FILE")]
    image: Option<PathBuf>,
    /// Directory in which conversations, pasted pictures and settings are kept, instead of the system's place for them.
    #[arg(long, value_name = "DIR", env = window::store::DATA_DIR)]
    data_dir: Option<PathBuf>,
}

impl Open {
    /// Shows the window until it is closed.
    ///
    /// # Errors
    /// If there is no display or no graphics adapter.
    pub fn run(&self) -> Result<()> {
        // What is remembered has to mean the same wherever the program is started next.
        let absolute = |path: &Path| std::path::absolute(path).unwrap_or_else(|_| path.to_path_buf());
        let directory = |model: &String| {
            let path = Path::new(model);
            // The name of the working directory may be no text.
            let absolute = absolute(path).to_str().map(str::to_owned).filter(|_| path.exists());
            absolute.unwrap_or_else(|| model.clone())
        };
        if let Some(image) = &self.image {
            check_image(image)?;
        }
        let start = Start {
            model: self.model.as_ref().map(directory),
            image: self.image.as_deref().map(absolute),
            data_dir: window::store::data_dir(self.data_dir.as_deref()),
            welcome: true,
            ..Start::default()
        };
        Ok(window::run(start)?)
    }
}

/// Refuses what the window could not open again after a restart, or not at all.
fn check_image(image: &Path) -> Result<()> {
    if image == Path::new("-") {
        return Err(Error::input(
            "-: the window takes pictures from files, not from standard input",
            "give the name of a file, or paste the picture into the window",
        )
        .into());
    }
    Ok(ImageSource::named(image).map(drop)?)
}
