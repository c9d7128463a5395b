//! The languages that are spoken to a person, and which of them was chosen.

use serde::{Deserialize, Serialize};

/// A language.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Language {
    /// English.
    English,
    /// 简体中文.
    Chinese,
}

impl Language {
    /// One of two texts: for the few that stand beside what they describe.
    pub fn pick(self, english: &'static str, chinese: &'static str) -> &'static str {
        match self {
            Self::English => english,
            Self::Chinese => chinese,
        }
    }
}

/// Which language a person has chosen.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub enum LanguageChoice {
    /// The system's, if the window speaks it; else English.
    #[default]
    System,
    /// English.
    English,
    /// 简体中文.
    Chinese,
}

impl LanguageChoice {
    /// The language that this choice means on this machine.
    pub fn language(self) -> Language {
        match self {
            Self::English => Language::English,
            Self::Chinese => Language::Chinese,
            Self::System if sys_locale::get_locale().is_some_and(|locale| locale.starts_with("zh")) => {
                Language::Chinese
            }
            Self::System => Language::English,
        }
    }
}
