//! What both sides are asked.

use super::super::failure::Result;
use crate::image_source::ImageSource;
use opabinia_engine::Error;
use opabinia_engine::vision::{Exif, Picture};
use serde::Deserialize;
use std::collections::HashMap;
use std::fs::File;
use std::io::Read;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// No file of questions is larger.
const MAX_BYTES: u64 = 64 << 20;

/// No file holds more questions.
const MAX_QUESTIONS: usize = 100_000;

/// One question, and what it is about.
pub struct Question {
    /// The question.
    pub prompt: String,
    /// The image's file, and its pixels.
    pub image: Option<(PathBuf, Arc<Picture>)>,
}

/// A line of a file of questions.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Line {
    #[serde(alias = "question")]
    prompt: String,
    #[serde(default)]
    image: Option<PathBuf>,
}

/// The questions of `prompts` about `images`: one of them for all, or as many.
pub fn of_arguments(prompts: &[String], images: &[PathBuf]) -> Result<Vec<Question>> {
    if images.len() > 1 && images.len() != prompts.len() {
        return Err(Error::input(
            format!("there are {} images for {} questions", images.len(), prompts.len()),
            "give one --image for all questions, or one for each --prompt, in order",
        )
        .into());
    }
    let mut pictures = Pictures::default();
    let image = |at: usize| if images.len() == 1 { images.first() } else { images.get(at) };
    let lines = prompts.iter().enumerate().map(|(at, prompt)| (prompt.clone(), image(at).cloned()));
    lines.map(|(prompt, image)| pictures.question(prompt, image)).collect()
}

/// The questions in `file`: a JSON object on each line, with `prompt` and, if it is about one, `image`, whose path counts from
/// the folder of the file.
pub fn of_file(file: &Path) -> Result<Vec<Question>> {
    let bad = |problem: String| {
        let what = format!("{}: {problem}", file.display());
        Error::input(
            what,
            "give a file with a JSON object on each line: {\"image\": \"desk.jpg\", \"prompt\": \"What is this?\"}",
        )
    };
    if std::fs::metadata(file).is_ok_and(|about| about.is_dir()) {
        return Err(bad("is a directory".into()).into());
    }
    let opened = File::open(file).map_err(|error| bad(format!("cannot be read: {error}")))?;
    let mut text = String::new();
    let read = opened.take(MAX_BYTES + 1).read_to_string(&mut text);
    read.map_err(|error| bad(format!("cannot be read: {error}")))?;
    if text.len() as u64 > MAX_BYTES {
        return Err(bad(format!("has more than {MAX_BYTES} bytes")).into());
    }
    let mut pictures = Pictures::default();
    let mut questions = Vec::new();
    for (at, line) in text.lines().enumerate().filter(|(_, line)| !line.trim().is_empty()) {
        if questions.len() == MAX_QUESTIONS {
            return Err(bad(format!("holds more than {MAX_QUESTIONS} questions")).into());
        }
        let Line { prompt, image } =
            serde_json::from_str(line).map_err(|error| bad(format!("line {}: {error}", at + 1)))?;
        let image = image.map(|image| file.parent().unwrap_or(Path::new("")).join(image));
        questions.push(pictures.question(prompt, image)?);
    }
    if questions.is_empty() { Err(bad("holds no question".into()).into()) } else { Ok(questions) }
}

/// Pictures that were read: many questions may be about one.
#[derive(Default)]
struct Pictures(HashMap<PathBuf, Arc<Picture>>);

impl Pictures {
    fn question(&mut self, prompt: String, image: Option<PathBuf>) -> Result<Question> {
        if prompt.trim().is_empty() {
            return Err(Error::input("a question is empty", "ask something").into());
        }
        let Some(path) = image else { return Ok(Question { prompt, image: None }) };
        let picture = match self.0.get(&path) {
            Some(picture) => Arc::clone(picture),
            None => {
                let read = ImageSource::open(&path).and_then(|source| source.decode(Exif::Ignore))?;
                let picture = Arc::new(read);
                self.0.insert(path.clone(), Arc::clone(&picture));
                picture
            }
        };
        Ok(Question { prompt, image: Some((path, picture)) })
    }
}
