//! The table of commands. Menus, shortcuts, the palette and the documentation are made from it.

use super::lang::Language;
use super::state::AppState;
use egui::{Key, KeyboardShortcut, Modifiers};
use opabinia_engine::worker::Slot;

/// Something that can be done from everywhere.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[allow(missing_docs)] // Their words are in `UiCommand::words`.
pub enum UiCommand {
    OpenFolder,
    CompareFolder,
    OtherModel,
    AttachPicture,
    ExportPicture,
    ExportNumbers,
    ExportTrace,
    ExportRecipe,
    Quit,
    NewConversation,
    RemoveConversation,
    Ask,
    Stop,
    Regenerate,
    Detach,
    Undo,
    Redo,
    ResetView,
    ZoomToFit,
    ToggleGrid,
    NextLayer,
    PreviousLayer,
    NextHead,
    PreviousHead,
    AllLayersAndHeads,
    NextQuantity,
    NextEncoder,
    ToggleTheme,
    SwitchLanguage,
    ResetLayout,
    Palette,
    Settings,
    Log,
    About,
}

/// Menus, in their order.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Menu {
    /// Files.
    File,
    /// Conversations and history.
    Edit,
    /// What is looked at.
    View,
    /// Help.
    Help,
}

impl UiCommand {
    /// All commands, in the order of menus.
    pub const ALL: [Self; 34] = [
        Self::OpenFolder,
        Self::CompareFolder,
        Self::OtherModel,
        Self::AttachPicture,
        Self::ExportPicture,
        Self::ExportNumbers,
        Self::ExportTrace,
        Self::ExportRecipe,
        Self::Quit,
        Self::NewConversation,
        Self::RemoveConversation,
        Self::Ask,
        Self::Stop,
        Self::Regenerate,
        Self::Detach,
        Self::Undo,
        Self::Redo,
        Self::Settings,
        Self::ResetView,
        Self::ZoomToFit,
        Self::ToggleGrid,
        Self::NextQuantity,
        Self::NextEncoder,
        Self::PreviousLayer,
        Self::NextLayer,
        Self::PreviousHead,
        Self::NextHead,
        Self::AllLayersAndHeads,
        Self::ToggleTheme,
        Self::SwitchLanguage,
        Self::ResetLayout,
        Self::Palette,
        Self::Log,
        Self::About,
    ];

    /// In which menu it stands.
    pub fn menu(self) -> Menu {
        match self {
            Self::OpenFolder
            | Self::CompareFolder
            | Self::OtherModel
            | Self::AttachPicture
            | Self::ExportPicture
            | Self::ExportNumbers
            | Self::ExportTrace
            | Self::ExportRecipe
            | Self::Quit => Menu::File,
            Self::NewConversation
            | Self::RemoveConversation
            | Self::Ask
            | Self::Stop
            | Self::Regenerate
            | Self::Detach
            | Self::Undo
            | Self::Redo
            | Self::Settings => Menu::Edit,
            Self::Palette | Self::Log | Self::About => Menu::Help,
            _ => Menu::View,
        }
    }

    /// Its name and what it does.
    pub fn words(self, language: Language) -> (&'static str, &'static str) {
        let (english, chinese) = match self {
            Self::OpenFolder => (
                ("Open a checkpoint…", "Choose the folder of a Cambrian-1 checkpoint"),
                ("打开模型…", "选择 Cambrian-1 检查点所在的文件夹"),
            ),
            Self::CompareFolder => (
                ("Compare with…", "Open a second checkpoint beside the first, to ask and look at either"),
                ("打开对照模型…", "在第一个模型旁打开第二个检查点，可随时切换提问和查看"),
            ),
            Self::OtherModel => (
                ("Switch between A and B", "Ask the other model, and show its maps of the same picture"),
                ("切换模型 A / B", "改由另一个模型回答，并显示它对同一图片的注意力图"),
            ),
            Self::AttachPicture => {
                (("Attach a picture…", "Choose the picture to ask about"), ("添加图片…", "选择要提问的图片"))
            }
            Self::ExportPicture => (
                ("Export the maps as PNG…", "Write the current view as a picture"),
                ("导出注意力图(PNG)…", "把当前视图写成图片"),
            ),
            Self::ExportNumbers => (
                ("Export the numbers as CSV…", "Write the values of the current maps"),
                ("导出数值(CSV)…", "写出当前注意力图的数值"),
            ),
            Self::ExportTrace => (
                ("Export the trace…", "Write all SVA attention probabilities as safetensors"),
                ("导出完整记录…", "把全部 SVA 注意力概率写成 safetensors"),
            ),
            Self::ExportRecipe => (
                ("Export a recipe…", "Write what `opabinia render --recipe` needs to make this picture again"),
                ("导出配方…", "写出 `opabinia render --recipe` 重现此图所需的内容"),
            ),
            Self::Quit => (("Quit", "Save and close the window"), ("退出", "保存并关闭窗口")),
            Self::NewConversation => (("New conversation", "Begin a new conversation"), ("新对话", "开始新的对话")),
            Self::RemoveConversation => (
                ("Remove this conversation", "Take this conversation out of the list"),
                ("删除此对话", "把此对话从列表中移除"),
            ),
            Self::Ask => (("Ask", "Ask the question in the field"), ("提问", "提出输入框中的问题")),
            Self::Stop => (("Stop", "Stop what the engine is doing"), ("停止", "停止引擎正在做的事")),
            Self::Regenerate => {
                (("Ask again", "Answer the last question once more"), ("重新回答", "再回答一次最后的问题"))
            }
            Self::Detach => (("Remove the picture", "Go on without a picture"), ("移除图片", "不带图片继续")),
            Self::Undo => (
                ("Undo", "Take back the last change of the view, or what was done last to a conversation"),
                ("撤销", "撤销上一次视图更改，或上一次对对话的操作"),
            ),
            Self::Redo => (("Redo the view", "Go forward again"), ("重做视图", "再次前进")),
            Self::Settings => {
                (("Settings…", "Sampling, system text, language, colours"), ("设置…", "采样、系统提示、语言、配色"))
            }
            Self::ResetView => (("Reset the view", "Back to the first view"), ("重置视图", "回到初始视图")),
            Self::ZoomToFit => (("Zoom to fit", "Show the whole picture"), ("适合窗口", "显示整张图片")),
            Self::ToggleGrid => {
                (("Query grid", "Draw the cells of the query grid"), ("查询网格", "画出查询网格的单元格"))
            }
            Self::NextQuantity => (
                ("Next quantity", "Share, lift, entropy, dominant encoder"),
                ("下一个量", "占比、提升度、熵、主导编码器"),
            ),
            Self::NextEncoder => (
                ("Next encoder", "Show the next encoder in the large map"),
                ("下一个编码器", "在大图中显示下一个编码器"),
            ),
            Self::PreviousLayer => (("Previous layer", "Show the SVA layer before"), ("上一层", "显示上一个 SVA 层")),
            Self::NextLayer => (("Next layer", "Show the SVA layer after"), ("下一层", "显示下一个 SVA 层")),
            Self::PreviousHead => (("Previous head", "Show the head before"), ("上一个头", "显示上一个注意力头")),
            Self::NextHead => (("Next head", "Show the head after"), ("下一个头", "显示下一个注意力头")),
            Self::AllLayersAndHeads => {
                (("All layers and heads", "Average over everything"), ("全部层与头", "对全部求平均"))
            }
            Self::ToggleTheme => (("Light or dark", "Switch the colours"), ("浅色或深色", "切换配色")),
            Self::SwitchLanguage => (("中文界面", "Speak Chinese"), ("English", "Speak English")),
            Self::ResetLayout => {
                (("Reset the layout", "Put all panels where they were"), ("重置布局", "把面板放回原处"))
            }
            Self::Palette => (("Find a command…", "Type what you want to do"), ("查找命令…", "输入想做的事")),
            Self::Log => (("Messages", "Everything that was reported"), ("消息", "所有报告过的事")),
            Self::About => (("About Opabinia", "What this program is"), ("关于 Opabinia", "这个程序是什么")),
        };
        match language {
            Language::English => english,
            Language::Chinese => chinese,
        }
    }

    /// Whether it is about what the panels show, and so has no place where they are covered.
    pub fn is_about_panels(self) -> bool {
        !matches!(
            self,
            Self::OpenFolder
                | Self::Quit
                | Self::Stop
                | Self::ToggleTheme
                | Self::SwitchLanguage
                | Self::Palette
                | Self::Settings
                | Self::Log
                | Self::About
        )
    }

    /// The commands that have keys, in the order in which these are to be looked for: to egui, keys are pressed also
    /// where Shift is held besides, so that those with Shift come first.
    pub fn with_keys() -> Vec<(Self, KeyboardShortcut)> {
        let mut all: Vec<_> =
            Self::ALL.into_iter().filter_map(|command| Some((command, command.shortcut()?))).collect();
        all.sort_by_key(|(_, keys)| !keys.modifiers.shift);
        all
    }

    /// Its keys.
    pub fn shortcut(self) -> Option<KeyboardShortcut> {
        let command = |key| Some(KeyboardShortcut::new(Modifiers::COMMAND, key));
        let shifted = |key| Some(KeyboardShortcut::new(Modifiers::COMMAND | Modifiers::SHIFT, key));
        let alt = |key| Some(KeyboardShortcut::new(Modifiers::ALT, key));
        match self {
            Self::OpenFolder => command(Key::O),
            Self::OtherModel => command(Key::B),
            Self::AttachPicture => shifted(Key::O),
            Self::ExportPicture => command(Key::E),
            Self::Quit => command(Key::Q),
            Self::NewConversation => command(Key::N),
            Self::Regenerate => command(Key::R),
            Self::Undo => command(Key::Z),
            Self::Redo => shifted(Key::Z),
            Self::Settings => command(Key::Comma),
            Self::ZoomToFit => command(Key::Num0),
            Self::ToggleGrid => command(Key::G),
            Self::PreviousLayer => alt(Key::ArrowLeft),
            Self::NextLayer => alt(Key::ArrowRight),
            Self::PreviousHead => alt(Key::ArrowUp),
            Self::NextHead => alt(Key::ArrowDown),
            Self::NextQuantity => alt(Key::Q),
            Self::NextEncoder => alt(Key::E),
            Self::AllLayersAndHeads => alt(Key::A),
            Self::Palette => command(Key::K),
            Self::Log => command(Key::L),
            Self::Stop => Some(KeyboardShortcut::new(Modifiers::NONE, Key::Escape)),
            _ => None,
        }
    }

    /// Whether it can be done now.
    pub fn enabled(self, state: &AppState) -> bool {
        let conversation = state.conversations.current();
        match self {
            Self::Ask => conversation.is_some_and(|shown| !shown.draft.trim().is_empty()),
            Self::Stop => state.is_busy(),
            Self::Regenerate => conversation.is_some_and(|shown| shown.leaf.is_some()),
            Self::Detach => conversation.is_some_and(|shown| shown.picture.is_some()),
            Self::Undo => state.can_undo(),
            Self::Redo => state.view.can_redo(),
            Self::CompareFolder => state.models.loaded(Slot::A).is_some(),
            Self::OtherModel => state.models.are_two(),
            Self::ExportPicture | Self::ExportNumbers | Self::ExportTrace | Self::ExportRecipe => {
                state.trace().is_some()
            }
            _ => true,
        }
    }
}

/// Commands that can be done now and whose words have the letters of `text` in this order, the best match first.
pub fn found(text: &str, language: Language, state: &AppState) -> Vec<UiCommand> {
    let wanted = text.trim().to_lowercase();
    let score = |command: UiCommand| {
        let (name, tip) = command.words(language);
        // Names in the other language are found too, and what a command does counts less than its name.
        let (english, _) = command.words(Language::English);
        let name = matched(&wanted, name).max(matched(&wanted, english));
        name.or_else(|| tip.to_lowercase().contains(&wanted).then_some(i32::MIN))
    };
    let doable = UiCommand::ALL.into_iter().filter(|command| *command != UiCommand::Palette && command.enabled(state));
    let mut found: Vec<_> = doable.filter_map(|command| Some((score(command)?, command))).collect();
    if wanted.is_empty() {
        return found.into_iter().map(|(_, command)| command).collect();
    }
    // Stable: equally good ones stay in the order of the menus.
    found.sort_by_key(|(score, _)| std::cmp::Reverse(*score));
    found.into_iter().map(|(_, command)| command).collect()
}

/// How well the letters of `wanted` are found in `name` in their order; `None` if they are not. Letters that begin a
/// word or follow one another count more; the length of the name counts against it.
fn matched(wanted: &str, name: &str) -> Option<i32> {
    let name: Vec<char> = name.to_lowercase().chars().collect();
    let (mut score, mut at) = (-(name.len() as i32), 0);
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
    use std::collections::HashSet;

    #[test]
    fn the_palette_finds_by_beginnings_of_words_and_in_both_languages() {
        let state = AppState::default();
        let first = |text, language| found(text, language, &state).first().copied();
        assert_eq!(first("new conv", Language::English), Some(UiCommand::NewConversation));
        assert_eq!(first("rl", Language::English), Some(UiCommand::ResetLayout));
        assert_eq!(first("about", Language::Chinese), Some(UiCommand::About));
        assert_eq!(first("关于", Language::Chinese), Some(UiCommand::About));
        assert_eq!(first("qqq", Language::English), None);
        let all = found("", Language::English, &state);
        assert!(!all.contains(&UiCommand::Stop), "nothing can be stopped");
        assert_eq!(all.first(), Some(&UiCommand::OpenFolder), "{all:?}");
    }

    #[test]
    fn the_keys_of_every_command_reach_it() {
        let all = UiCommand::with_keys();
        for (at, (command, keys)) in all.iter().enumerate() {
            let taken = all[..at].iter().find(|(_, other)| {
                // As egui compares what was pressed with what is looked for.
                other.logical_key == keys.logical_key && keys.modifiers.matches_logically(other.modifiers)
            });
            assert!(taken.is_none(), "{command:?} never comes: {taken:?} takes its keys");
        }
    }

    #[test]
    fn every_command_is_in_the_table_once_and_has_words_of_its_own() {
        for language in [Language::English, Language::Chinese] {
            let names: HashSet<_> = UiCommand::ALL.iter().map(|command| command.words(language).0).collect();
            assert_eq!(names.len(), UiCommand::ALL.len(), "{language:?}");
        }
    }
}
