//! Reading pictures.

use crate::demo;
use crate::image_source::ImageSource;
use crate::window::app::{App, Finished};
use crate::window::state::{PictureId, PictureSource, PictureState, Stamp};
use opabinia_engine::vision::Exif;

impl App {
    /// Reads the picture named `id`, unless that was done or is being done.
    pub(in crate::window) fn read_picture(&mut self, id: PictureId) {
        let Some(entry) = self.state.pictures.get(id) else { return };
        if !matches!(entry.state, PictureState::Unread | PictureState::Failed(_)) {
            return;
        }
        // Samples are no files, and nobody edits our own.
        let may_change = matches!(entry.source, PictureSource::File(_));
        let path = match (&entry.source, self.saver.store()) {
            (PictureSource::Pasted(name), Some(store)) => store.picture_path(name),
            (PictureSource::File(path) | PictureSource::Pasted(path), _) => path.clone(),
            (PictureSource::Sample(name), _) => demo::sample_path(name),
        };
        self.state.pictures.set_state(id, PictureState::Reading);
        let texts = self.texts();
        self.run_beside(
            "picture",
            move |error| Finished::Picture(id, None, Err(error)),
            move || {
                // Before it is read: what changes meanwhile has changed.
                let stamp = may_change.then(|| Stamp::of(&path)).flatten();
                let picture = ImageSource::named(&path).and_then(|source| source.decode(Exif::Ignore));
                Finished::Picture(id, stamp, picture.map_err(|error| texts.engine.error(&error)))
            },
        );
    }
}
