//! The system's file dialogs, and what came of asking for one.

use std::path::PathBuf;
use std::time::{Duration, Instant};

/// Nobody closes a dialog as fast as this: there was none.
const HASTE: Duration = Duration::from_millis(500);

/// Which file dialogs there are.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Dialogs {
    /// Those of the system, if it has any.
    #[default]
    System,
    /// None, as on a desktop without a portal: for tests.
    None,
}

/// What came of a dialog.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Asked {
    /// The path that the person chose.
    Chosen(PathBuf),
    /// The person chose nothing.
    Nothing,
    /// There was no dialog.
    NoDialog,
}

impl Dialogs {
    /// Shows a dialog and waits for it: not for the window's own thread.
    pub fn ask(self, show: impl FnOnce() -> Option<PathBuf>) -> Asked {
        if self == Self::None {
            return Asked::NoDialog;
        }
        let started = Instant::now();
        match show() {
            Some(path) => Asked::Chosen(path),
            // The library says nothing else when neither a portal nor a helper program answers.
            None if started.elapsed() < HASTE => Asked::NoDialog,
            None => Asked::Nothing,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_dialog_that_is_gone_at_once_never_was() {
        assert_eq!(Dialogs::System.ask(|| None), Asked::NoDialog);
        assert_eq!(Dialogs::System.ask(|| Some("/a".into())), Asked::Chosen("/a".into()));
        let slowly = || {
            std::thread::sleep(HASTE);
            None
        };
        assert_eq!(Dialogs::System.ask(slowly), Asked::Nothing);
        assert_eq!(Dialogs::None.ask(|| Some("/a".into())), Asked::NoDialog);
    }
}
