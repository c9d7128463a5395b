//! What the command palette finds: commands, and every control of the view.

use super::command::UiCommand;
use super::state::AppState;
use super::view_controls::{self, ViewControl};
use crate::language::Language;

/// One line of the palette.
#[derive(Debug, Clone, PartialEq)]
pub enum Entry {
    /// A command.
    Command(UiCommand),
    /// A choice of a control of the view.
    Control(ViewControl),
}

impl Entry {
    /// Its name and what it does.
    pub fn words(&self, language: Language) -> (String, String) {
        match self {
            Self::Command(command) => {
                let (name, tip) = command.words(language);
                (name.to_owned(), tip.to_owned())
            }
            Self::Control(control) => {
                let colon = language.pick(": ", "：");
                let group = control.group.name(language.texts());
                (format!("{group}{colon}{}", control.name), control.tip.clone())
            }
        }
    }
}

/// What can be done now and has the letters of `text` in this order in its name, in either language, the best match first.
/// What something does counts less than its name.
pub fn found(text: &str, language: Language, state: &AppState) -> Vec<Entry> {
    let wanted = text.trim().to_lowercase();
    let other = if language == Language::English { Language::Chinese } else { Language::English };
    let doable = UiCommand::ALL.iter().filter(|command| **command != UiCommand::Palette && command.enabled(state));
    let commands = doable.map(|command| (Entry::Command(*command), command.words(other).0.to_owned()));
    // The same controls in the same order, in the words of the other language.
    let controls = view_controls::all(state, language.texts()).into_iter();
    let controls = controls.zip(view_controls::all(state, other.texts())).map(|(control, named)| {
        let (name, _) = Entry::Control(named).words(other);
        (Entry::Control(control), name)
    });
    let all = commands.chain(controls);
    if wanted.is_empty() {
        return all.map(|(entry, _)| entry).collect();
    }
    let score = |entry: &Entry, named: &str| {
        let (name, tip) = entry.words(language);
        let name = matched(&wanted, &name).max(matched(&wanted, named));
        name.or_else(|| tip.to_lowercase().contains(&wanted).then_some(i32::MIN))
    };
    let mut found: Vec<_> = all.filter_map(|(entry, named)| Some((score(&entry, &named)?, entry))).collect();
    // Stable: equally good ones stay in the order of the menus.
    found.sort_by_key(|(score, _)| std::cmp::Reverse(*score));
    found.into_iter().map(|(_, entry)| entry).collect()
}

/// How well the letters of `wanted` are found in `name` in their order; `None` if they are not. Letters that begin a
/// word or follow one another count more, all of them in one piece count most; the length of the name counts against it.
fn matched(wanted: &str, name: &str) -> Option<i32> {
    let lower = name.to_lowercase();
    let whole = if lower.contains(wanted) { 64 } else { 0 };
    let name: Vec<char> = lower.chars().collect();
    let (mut score, mut at) = (whole - name.len() as i32, 0);
    let mut last = None;
    for letter in wanted.chars().filter(|letter| !letter.is_whitespace()) {
        let place = at + name.get(at..)?.iter().position(|known| *known == letter)?;
        let begins_word = place == 0 || !name[place - 1].is_alphanumeric();
        let follows = last.is_some_and(|last| last + 1 == place);
        score += 4 + 16 * i32::from(begins_word) + 12 * i32::from(follows);
        (last, at) = (Some(place), place + 1);
    }
    Some(score)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_palette_finds_by_beginnings_of_words_and_in_both_languages() {
        let state = AppState::default();
        let first = |text, language| found(text, language, &state).first().cloned();
        let command = |command| Some(Entry::Command(command));
        assert_eq!(first("new conv", Language::English), command(UiCommand::NewConversation));
        assert_eq!(first("rl", Language::English), command(UiCommand::ResetLayout));
        assert_eq!(first("about", Language::Chinese), command(UiCommand::About));
        assert_eq!(first("关于", Language::Chinese), command(UiCommand::About));
        assert_eq!(first("术语", Language::English), command(UiCommand::Glossary));
        assert_eq!(first("qqq", Language::English), None);
        let all = found("", Language::English, &state);
        assert!(!all.contains(&Entry::Command(UiCommand::Stop)), "nothing can be stopped");
        assert_eq!(all.first(), Some(&Entry::Command(UiCommand::OpenFolder)), "{all:?}");
    }

    #[test]
    fn letters_in_one_piece_count_most() {
        assert!(matched("entropy", "Quantity: Entropy") > matched("entropy", "Export the maps: try once more, copy"));
        assert!(matched("entropy", "Quantity: Entropy") > matched("entropy", "Quantity: Normalized entropy"));
        assert_eq!(matched("entropy", "Lift"), None);
    }
}
