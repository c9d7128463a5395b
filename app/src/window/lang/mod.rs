//! What the window says, in English and in Chinese.
//!
//! Every text is a field of a struct, so that a text that is missing in one language does not compile. Each part of
//! the window has its own struct beside this file.

mod comparison;
mod controls;
mod conversation;
mod download;
mod engine;
mod evaluation;
mod evidence;
mod evidence_further;
mod evidence_panel;
mod help;
mod inspector;
mod interventions;
mod opening;
mod panes;
mod probe;
mod program;
mod sides;

pub use comparison::ComparisonTexts;
pub use controls::ControlTexts;
pub use conversation::ConversationTexts;
pub use download::DownloadTexts;
pub use engine::EngineTexts;
pub use evaluation::EvaluationTexts;
pub use evidence::EvidenceTexts;
pub use evidence_further::EvidenceFurtherTexts;
pub use evidence_panel::EvidencePanelTexts;
pub use help::HelpTexts;
pub use inspector::InspectorTexts;
pub use interventions::InterventionTexts;
pub use opening::OpeningTexts;
pub use panes::PaneTexts;
pub use probe::ProbeTexts;
pub use program::ProgramTexts;
pub use sides::SidesTexts;

use crate::language::Language;

/// Everything the window says in one language.
#[derive(Debug)]
pub struct Texts {
    /// Which language this is.
    pub language: Language,
    /// Menus, settings, messages.
    pub program: ProgramTexts,
    /// Opening checkpoints.
    pub opening: OpeningTexts,
    /// Bringing checkpoints from the hub.
    pub download: DownloadTexts,
    /// Asking and answering.
    pub conversation: ConversationTexts,
    /// Comparing two checkpoints.
    pub comparison: ComparisonTexts,
    /// Maps and their numbers.
    pub probe: ProbeTexts,
    /// Panes of maps.
    pub panes: PaneTexts,
    /// Both sides of a comparison in one pane.
    pub sides: SidesTexts,
    /// Interventions.
    pub interventions: InterventionTexts,
    /// Controls of the view in menus and palette.
    pub controls: ControlTexts,
    /// Guide, glossary, keys.
    pub help: HelpTexts,
    /// What maps are evidence of.
    pub evidence: EvidenceTexts,
    /// What an answer rests on.
    pub evidence_panel: EvidencePanelTexts,
    /// Orders of cells, chains, features and the lens.
    pub evidence_further: EvidenceFurtherTexts,
    /// Sets of questions.
    pub evaluation: EvaluationTexts,
    /// Numbers of what is selected, and exports.
    pub inspector: InspectorTexts,
    /// What the engine says.
    pub engine: EngineTexts,
}

static ENGLISH: Texts = Texts {
    language: Language::English,
    program: program::ENGLISH,
    opening: opening::ENGLISH,
    download: download::ENGLISH,
    conversation: conversation::ENGLISH,
    comparison: comparison::ENGLISH,
    probe: probe::ENGLISH,
    panes: panes::ENGLISH,
    sides: sides::ENGLISH,
    interventions: interventions::ENGLISH,
    controls: controls::ENGLISH,
    help: help::ENGLISH,
    evidence: evidence::ENGLISH,
    evidence_panel: evidence_panel::ENGLISH,
    evidence_further: evidence_further::ENGLISH,
    evaluation: evaluation::ENGLISH,
    inspector: inspector::ENGLISH,
    engine: engine::ENGLISH,
};

static CHINESE: Texts = Texts {
    language: Language::Chinese,
    program: program::CHINESE,
    opening: opening::CHINESE,
    download: download::CHINESE,
    conversation: conversation::CHINESE,
    comparison: comparison::CHINESE,
    probe: probe::CHINESE,
    panes: panes::CHINESE,
    sides: sides::CHINESE,
    interventions: interventions::CHINESE,
    controls: controls::CHINESE,
    help: help::CHINESE,
    evidence: evidence::CHINESE,
    evidence_panel: evidence_panel::CHINESE,
    evidence_further: evidence_further::CHINESE,
    evaluation: evaluation::CHINESE,
    inspector: inspector::CHINESE,
    engine: engine::CHINESE,
};

impl Language {
    /// What the window says in it.
    pub fn texts(self) -> &'static Texts {
        match self {
            Self::English => &ENGLISH,
            Self::Chinese => &CHINESE,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Words that stand for something else in the field, or that another word here stands for already.
    const NEVER: [&str; 22] = [
        "Relative entropy",
        "Chosen word",
        "chosen word",
        "Answer again",
        "Longest answer",
        "System text",
        "system text",
        "Working memory",
        "Keys and values",
        "Let it go",
        "row ends",
        "what it was worth",
        "相对熵",
        "双向",
        "对照",
        "采样器",
        "所选词\"",
        "名次",
        "编号",
        "完整记录",
        "重新回答",
        "层与头",
    ];

    #[test]
    fn the_window_speaks_the_field_s_words() {
        for texts in [&ENGLISH, &CHINESE] {
            let mut all = format!("{texts:?}");
            for command in crate::window::command::UiCommand::ALL {
                all.push_str(&format!("{:?}", command.words(texts.language)));
            }
            for word in NEVER {
                assert!(!all.contains(word), "{:?} says “{word}”", texts.language);
            }
        }
    }
}
