//! The program itself: settings, overlays, what was dropped and pasted.

use crate::window::action::{ConversationAction, ModelAction, ProgramAction};
use crate::window::app::{App, Finished};
use crate::window::dropped::Dropped;
use crate::window::state::{EvaluationField, NoticeKind, Overlay, PictureId, SCALES};
use crate::window::store::write_picture;
use egui::ColorImage;
use opabinia_engine::vision::Picture;
use std::path::Path;
use std::sync::Arc;

impl App {
    pub(super) fn apply_program(&mut self, action: ProgramAction) {
        match action {
            ProgramAction::SetLanguage(language) => self.state.settings.language = language,
            ProgramAction::SetTheme(theme) => self.state.settings.theme = theme,
            ProgramAction::SetScale(scale) => {
                self.state.settings.scale = scale.clamp(*SCALES.start(), *SCALES.end());
                self.ctx.set_zoom_factor(self.state.settings.scale);
            }
            ProgramAction::CloseOverlay => self.state.overlay = Overlay::None,
            ProgramAction::DismissNotice(id) => self.state.notices.dismiss(id),
            ProgramAction::SetPaletteText(text) => self.state.overlay = Overlay::Palette { text, chosen: 0 },
            ProgramAction::ChooseInPalette(at) => {
                if let Overlay::Palette { chosen, .. } = &mut self.state.overlay {
                    *chosen = at;
                }
            }
            ProgramAction::Copy(text) => self.ctx.copy_text(text),
            ProgramAction::Dropped(paths) => self.run_beside(
                "dropped files",
                |_| Finished::Dropped(Vec::new()),
                move || Finished::Dropped(paths.iter().map(|path| Dropped::of(path)).collect()),
            ),
            ProgramAction::TypePath(text) => self.type_path(text),
            ProgramAction::UsePath => self.use_typed_path(),
            ProgramAction::PastedPath(text, path) => self.paste_path(text, path),
            ProgramAction::Pasted(image) => self.paste(image),
            ProgramAction::Restart => self.restart(),
        }
    }

    /// Opens and attaches what was dropped: of many pictures the last one, as a question is about one.
    pub(super) fn open_dropped(&mut self, dropped: Vec<Dropped>) {
        let (mut checkpoint, mut picture) = (None, None);
        let mut evaluation = Vec::new();
        // Whatever path was asked for, this is the answer.
        if matches!(self.state.overlay, Overlay::Path(_)) && !dropped.is_empty() {
            self.state.overlay = Overlay::None;
        }
        for dropped in dropped {
            match dropped {
                Dropped::Checkpoint(path) => checkpoint = Some(path),
                Dropped::Picture(path) => picture = Some(path),
                Dropped::Questions(path) => evaluation.push((EvaluationField::Set, path)),
                Dropped::Run(path) if evaluation.iter().any(|(field, _)| *field == EvaluationField::Run) => {
                    evaluation.push((EvaluationField::Other, path));
                }
                Dropped::Run(path) => evaluation.push((EvaluationField::Run, path)),
            }
        }
        if let Some(path) = checkpoint {
            let slot = self.state.models.answering();
            self.apply_model(ModelAction::Inspect(slot, path.to_string_lossy().into_owned()));
        }
        if let Some(path) = picture {
            self.apply_conversation(ConversationAction::AttachFile(path));
        }
        for (field, path) in evaluation {
            self.take_dropped_evaluation(field, &path);
        }
    }

    /// Attaches pixels from the clipboard, and keeps them as a file beside the window.
    fn paste(&mut self, image: Arc<ColorImage>) {
        let (id, name) = self.state.pictures.paste();
        self.apply_conversation(ConversationAction::AttachPicture(id));
        self.keep_picture(id, &name, move || {
            let [width, height] = image.size;
            let rgb = image.pixels.iter().flat_map(|pixel| [pixel.r(), pixel.g(), pixel.b()]).collect();
            Picture { width, height, rgb }
        });
    }

    /// Takes in the pixels that `make` gives as the picture `id`, which has no file, and keeps them as one called `name`
    /// beside the window.
    pub(super) fn keep_picture(&mut self, id: PictureId, name: &Path, make: impl FnOnce() -> Picture + Send + 'static) {
        let path = self.saver.store().filter(|store| store.keeps()).map(|store| store.picture_path(name));
        self.write_beside(
            "picture",
            move |error| Finished::Picture(id, None, Err(error)),
            move || {
                let picture = make();
                let kept = path.map_or(Ok(()), |path| write_picture(&path, &picture));
                Finished::Pasted(id, picture, kept.err())
            },
        );
    }

    /// Saves everything and starts the program anew: a graphics device that was lost cannot be had back in this one. What
    /// cannot be saved is not left behind.
    fn restart(&mut self) {
        if let Err(why) = self.save_now() {
            let texts = self.texts();
            let text = format!("{} {}", texts.program.save_failed, (texts.engine.said)(&why));
            self.state.notices.add(NoticeKind::Failure, text);
            return;
        }
        // The one that starts is to have it.
        let kept = self.saver.release();
        let again = std::env::current_exe().and_then(|program| {
            std::process::Command::new(program).args(std::env::args_os().skip(1)).spawn().map(drop)
        });
        match again {
            Ok(()) => self.ctx.send_viewport_cmd(egui::ViewportCommand::Close),
            Err(error) => {
                if kept {
                    self.saver.reacquire();
                }
                let texts = self.texts();
                let text = format!("{} {}", texts.program.restart_failed, (texts.engine.said)(&error.to_string()));
                self.state.notices.add(NoticeKind::Failure, text);
            }
        }
    }
}
