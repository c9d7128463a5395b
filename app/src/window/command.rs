//! The table of commands. Menus, shortcuts, the list of keys and, with [`super::view_controls`], the palette are made from it.

use super::state::{AppState, MOST_PANES, SidesLook, Slot};
use crate::language::Language;
use egui::{Key, KeyboardShortcut, Modifiers};

macro_rules! commands {
    ($($command:ident),+ $(,)?) => {
        /// Something that can be done from everywhere.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
        #[allow(missing_docs)] // Their words are in `UiCommand::words`.
        pub enum UiCommand {
            $($command),+
        }

        impl UiCommand {
            /// All commands, in the order of menus.
            pub const ALL: &'static [Self] = &[$(Self::$command),+];
        }
    };
}

// Written once, so that none can be missing from menus and palette.
commands! {
    OpenFolder,
    CompareFolder,
    OtherModel,
    CompareSides,
    AttachPicture,
    ExportPicture,
    ExportNumbers,
    ExportTrace,
    ExportRecipe,
    Quit,
    NewConversation,
    RemoveConversation,
    Ask,
    AskBoth,
    Stop,
    Regenerate,
    Detach,
    Undo,
    Redo,
    Settings,
    NextQuantity,
    NextEncoder,
    Evidence,
    Evaluation,
    PreviousLayer,
    NextLayer,
    PreviousHead,
    NextHead,
    AllLayersAndHeads,
    ToggleGrid,
    ZoomToFit,
    ResetView,
    ToggleTheme,
    SwitchLanguage,
    ResetLayout,
    LookBeside,
    LookSwap,
    LookWipe,
    LookDifference,
    LookDivergence,
    NewPane,
    ClosePane,
    NextPane,
    ToggleLinks,
    SwitchCell,
    EverythingOn,
    Guide,
    Glossary,
    Shortcuts,
    Palette,
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
    /// Panes of maps.
    Panes,
    /// Help.
    Help,
}

impl UiCommand {
    /// Ways to look at both sides, in the order of [`super::state::SidesLook::ALL`].
    pub const LOOKS: [Self; 5] =
        [Self::LookBeside, Self::LookSwap, Self::LookWipe, Self::LookDifference, Self::LookDivergence];

    /// In which menu it stands, and in which group there: a line is between groups.
    pub fn place(self) -> (Menu, u8) {
        match self {
            Self::OpenFolder | Self::CompareFolder | Self::OtherModel | Self::CompareSides => (Menu::File, 0),
            Self::AttachPicture => (Menu::File, 1),
            Self::ExportPicture | Self::ExportNumbers | Self::ExportTrace | Self::ExportRecipe => (Menu::File, 2),
            Self::Quit => (Menu::File, 3),
            Self::NewConversation | Self::RemoveConversation => (Menu::Edit, 0),
            Self::Ask | Self::AskBoth | Self::Stop | Self::Regenerate | Self::Detach => (Menu::Edit, 1),
            Self::Undo | Self::Redo => (Menu::Edit, 2),
            Self::Settings => (Menu::Edit, 3),
            Self::NextQuantity | Self::NextEncoder | Self::Evidence | Self::Evaluation => (Menu::View, 0),
            Self::PreviousLayer | Self::NextLayer | Self::PreviousHead | Self::NextHead | Self::AllLayersAndHeads => {
                (Menu::View, 1)
            }
            Self::ToggleGrid | Self::ZoomToFit | Self::ResetView => (Menu::View, 2),
            Self::LookBeside | Self::LookSwap | Self::LookWipe | Self::LookDifference | Self::LookDivergence => {
                (Menu::Panes, 2)
            }
            Self::NewPane | Self::ClosePane | Self::NextPane | Self::ToggleLinks => (Menu::Panes, 0),
            Self::SwitchCell | Self::EverythingOn => (Menu::Panes, 1),
            Self::ToggleTheme | Self::SwitchLanguage | Self::ResetLayout => (Menu::View, 3),
            Self::Guide | Self::Glossary | Self::Shortcuts => (Menu::Help, 0),
            Self::Palette | Self::Log => (Menu::Help, 1),
            Self::About => (Menu::Help, 2),
        }
    }

    /// Its name and what it does.
    pub fn words(self, language: Language) -> (&'static str, &'static str) {
        let (english, chinese) = match self {
            Self::OpenFolder => (
                ("Open a checkpoint…", "Choose the folder of a Cambrian-1 checkpoint"),
                ("打开检查点…", "选择 Cambrian-1 检查点所在的文件夹"),
            ),
            Self::CompareFolder => (
                ("Compare with…", "Open a second checkpoint beside the first, to ask and look at either"),
                ("对比检查点…", "在第一个模型旁打开第二个检查点，可随时切换提问和查看"),
            ),
            Self::OtherModel => (
                ("Switch between A and B", "Ask the other model, and show its maps of the same picture"),
                ("切换模型 A / B", "改由另一个模型回答，并显示它对同一图片的注意力图"),
            ),
            Self::CompareSides => (
                ("A and B side by side", "Answers, attention and files of both checkpoints beside each other"),
                ("并排查看 A 与 B", "并排查看两个检查点的回答、注意力和文件"),
            ),
            Self::AskBoth => (
                ("Ask both", "Put the question in the field to A and to B"),
                ("同时提问 A 与 B", "把输入框中的问题同时交给 A 和 B"),
            ),
            Self::AttachPicture => {
                (("Attach a picture…", "Choose the picture to ask about"), ("添加图片…", "选择要提问的图片"))
            }
            Self::ExportPicture => (
                ("Export the maps as PNG or SVG…", "Write the current view as a picture"),
                ("导出注意力图(PNG 或 SVG)…", "把当前视图写成图片"),
            ),
            Self::ExportNumbers => (
                ("Export the numbers as CSV…", "Write the values of the current maps"),
                ("导出数值(CSV)…", "写出当前注意力图的数值"),
            ),
            Self::ExportTrace => (
                ("Export the trace…", "Write all SVA attention probabilities as safetensors"),
                ("导出注意力记录…", "把全部 SVA 注意力概率写成 safetensors"),
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
                (("Regenerate", "Answer the last question once more"), ("重新生成", "再回答一次最后的问题"))
            }
            Self::Detach => (("Remove the picture", "Go on without a picture"), ("移除图片", "不带图片继续")),
            Self::Undo => (
                ("Undo", "Take back the last change of the view, or what was done last to a conversation"),
                ("撤销", "撤销上一次视图更改，或上一次对对话的操作"),
            ),
            Self::Redo => (("Redo the view", "Go forward again"), ("重做视图", "再次前进")),
            Self::Settings => {
                (("Settings…", "Sampling, system prompt, language, colours"), ("设置…", "采样、系统提示、语言、配色"))
            }
            Self::ResetView => (("Reset the view", "Back to the first view"), ("重置视图", "回到初始视图")),
            Self::ZoomToFit => (("Zoom to fit", "Show the whole picture"), ("适合窗口", "显示整张图片")),
            Self::ToggleGrid => {
                (("Query grid", "Draw the cells of the query grid"), ("查询网格", "画出查询网格的单元格"))
            }
            Self::NextQuantity => (
                ("Next quantity", "Share, lift, entropy, normalized entropy, dominant encoder"),
                ("下一个量", "占比、提升度、熵、归一化熵、主导编码器"),
            ),
            Self::NextEncoder => (
                ("Next encoder", "Show the next encoder in the large map"),
                ("下一个编码器", "在大图中显示下一个编码器"),
            ),
            Self::Evidence => (
                ("Evidence", "What the answer rests on: encoders, layers and cells taken away"),
                ("证据", "回答依赖什么：逐一去除编码器、层与单元格"),
            ),
            Self::Evaluation => (
                ("Evaluation", "Ask a set of questions with vision on, off, and each encoder away"),
                ("评测", "用一套题目在有图、无图及去除各编码器的条件下提问"),
            ),
            Self::PreviousLayer => (("Previous layer", "Show the SVA layer before"), ("上一层", "显示上一个 SVA 层")),
            Self::NextLayer => (("Next layer", "Show the SVA layer after"), ("下一层", "显示下一个 SVA 层")),
            Self::PreviousHead => (("Previous head", "Show the head before"), ("上一个注意力头", "显示上一个注意力头")),
            Self::NextHead => (("Next head", "Show the head after"), ("下一个注意力头", "显示下一个注意力头")),
            Self::AllLayersAndHeads => {
                (("All layers and heads", "Average over everything"), ("全部层与注意力头", "对全部求平均"))
            }
            Self::LookBeside => (
                ("Maps of A and B side by side", "A to the left, B to the right, in one range of colours"),
                ("并排查看 A 与 B 的注意力图", "A 在左，B 在右，使用同一颜色范围"),
            ),
            Self::LookSwap => (
                ("Swap the maps of A and B", "A in the whole pane; hold X to see B in its place"),
                ("互换 A 与 B 的注意力图", "整个窗格显示 A；按住 X 在原位显示 B"),
            ),
            Self::LookWipe => (
                ("Wipe between the maps of A and B", "A to the left of a line that can be moved, B to the right of it"),
                ("用分隔线对比 A 与 B 的注意力图", "可移动的分隔线左侧为 A，右侧为 B"),
            ),
            Self::LookDifference => (
                ("Difference of the maps of A and B", "B − A, cell by cell, on a scale with 0 in the middle"),
                ("A 与 B 注意力图之差", "逐单元格的 B − A，色标以 0 为中心"),
            ),
            Self::LookDivergence => (
                (
                    "Divergence of the attention of A and B",
                    "Jensen–Shannon divergence of each cell's attention over all of its keys",
                ),
                ("A 与 B 注意力的散度", "每个单元格在其全部键上注意力的 Jensen–Shannon 散度"),
            ),
            Self::NewPane => (
                (
                    "New map pane",
                    "Open a second pane beside the active one, to show other layers, another quantity, another run",
                ),
                ("新建注意力图窗格", "在当前窗格旁打开另一个窗格，可显示其他层、其他量或另一次运行"),
            ),
            Self::ClosePane => (
                ("Close this map pane", "Close the active pane of maps"),
                ("关闭此注意力图窗格", "关闭当前的注意力图窗格"),
            ),
            Self::NextPane => (
                ("Next map pane", "Make the next pane of maps the active one"),
                ("下一个注意力图窗格", "切换到下一个注意力图窗格"),
            ),
            Self::ToggleLinks => (
                (
                    "Link this pane",
                    "Share cell, zoom, layers, heads and colour range with the other panes, or stop sharing them",
                ),
                ("联动此窗格", "与其他窗格共享单元格、缩放、层、注意力头和颜色范围，或停止共享"),
            ),
            Self::SwitchCell => (
                (
                    "Switch the cell off or on",
                    "Replace what all encoders see under the selected cell by their means, and answer again; or bring it back",
                ),
                ("关闭或开启单元格", "把所选单元格下各编码器的内容换成其均值并再次回答；或恢复"),
            ),
            Self::EverythingOn => (
                ("Switch everything on", "End all interventions of the active pane"),
                ("全部开启", "结束当前窗格的所有干预"),
            ),
            Self::ToggleTheme => (("Light or dark", "Switch the colours"), ("浅色或深色", "切换配色")),
            Self::SwitchLanguage => (("中文界面", "Speak Chinese"), ("English", "Speak English")),
            Self::ResetLayout => {
                (("Reset the layout", "Put all panels where they were"), ("重置布局", "把面板放回原处"))
            }
            Self::Guide => {
                (("Guide", "What the maps show, and what they may claim"), ("指南", "注意力图显示什么，能说明什么"))
            }
            Self::Glossary => (
                ("Glossary", "Share, lift, entropy, cell, window, connector, sampler in a sentence each"),
                ("术语表", "占比、提升度、熵、单元格、窗口、连接器、采样层，各用一句话说明"),
            ),
            Self::Shortcuts => {
                (("Keyboard shortcuts", "All keys and gestures in a list"), ("键盘快捷键", "所有按键与手势一览"))
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
        match self {
            Self::OpenFolder
            | Self::Quit
            | Self::Stop
            | Self::ToggleTheme
            | Self::SwitchLanguage
            | Self::Guide
            | Self::Glossary
            | Self::Shortcuts
            | Self::Palette
            | Self::Settings
            | Self::Log
            | Self::About => false,
            Self::CompareFolder
            | Self::OtherModel
            | Self::CompareSides
            | Self::AskBoth
            | Self::AttachPicture
            | Self::ExportPicture
            | Self::ExportNumbers
            | Self::ExportTrace
            | Self::ExportRecipe
            | Self::NewConversation
            | Self::RemoveConversation
            | Self::Ask
            | Self::Regenerate
            | Self::Detach
            | Self::Undo
            | Self::Redo
            | Self::NextQuantity
            | Self::NextEncoder
            | Self::Evidence
            | Self::Evaluation
            | Self::PreviousLayer
            | Self::NextLayer
            | Self::PreviousHead
            | Self::NextHead
            | Self::AllLayersAndHeads
            | Self::ToggleGrid
            | Self::ZoomToFit
            | Self::ResetView
            | Self::LookBeside
            | Self::LookSwap
            | Self::LookWipe
            | Self::LookDifference
            | Self::LookDivergence
            | Self::NewPane
            | Self::ClosePane
            | Self::NextPane
            | Self::ToggleLinks
            | Self::SwitchCell
            | Self::EverythingOn
            | Self::ResetLayout => true,
        }
    }

    /// Whether what it switches is on; `None` if it switches nothing.
    pub fn is_on(self, state: &AppState) -> Option<bool> {
        match self {
            Self::ToggleGrid => Some(state.lens().grid),
            Self::CompareSides => Some(state.comparison.on),
            Self::ToggleLinks => Some(state.pane().links.broken().next().is_none()),
            _ if Self::LOOKS.contains(&self) => {
                let at = SidesLook::ALL.iter().position(|look| state.pane().source.look() == Some(*look));
                Some(at.is_some_and(|at| Self::LOOKS[at] == self))
            }
            _ => None,
        }
    }

    /// The commands that have keys, in the order in which these are to be looked for: to egui, keys are pressed also
    /// where Shift is held besides, so that those with Shift come first.
    pub fn with_keys() -> Vec<(Self, KeyboardShortcut)> {
        let mut all: Vec<_> = Self::ALL.iter().filter_map(|command| Some((*command, command.shortcut()?))).collect();
        all.sort_by_key(|(_, keys)| !keys.modifiers.shift);
        all
    }

    /// Its keys.
    pub fn shortcut(self) -> Option<KeyboardShortcut> {
        let command = |key| Some(KeyboardShortcut::new(Modifiers::COMMAND, key));
        let shifted = |key| Some(KeyboardShortcut::new(Modifiers::COMMAND | Modifiers::SHIFT, key));
        let alt = |key| Some(KeyboardShortcut::new(Modifiers::ALT, key));
        let plain = |key| Some(KeyboardShortcut::new(Modifiers::NONE, key));
        match self {
            Self::OpenFolder => command(Key::O),
            Self::OtherModel => command(Key::B),
            Self::CompareSides => shifted(Key::B),
            Self::AttachPicture => shifted(Key::O),
            Self::ExportPicture => command(Key::E),
            Self::Quit => command(Key::Q),
            Self::NewConversation => command(Key::N),
            Self::Regenerate => command(Key::R),
            Self::Undo => command(Key::Z),
            Self::Redo => shifted(Key::Z),
            Self::Settings => command(Key::Comma),
            Self::ZoomToFit => command(Key::Num0),
            Self::LookBeside => plain(Key::Num1),
            Self::LookSwap => plain(Key::Num2),
            Self::LookWipe => plain(Key::Num3),
            Self::LookDifference => plain(Key::Num4),
            Self::LookDivergence => plain(Key::Num5),
            Self::NewPane => command(Key::D),
            Self::ClosePane => command(Key::W),
            Self::NextPane => Some(KeyboardShortcut::new(Modifiers::NONE, Key::F6)),
            Self::ToggleLinks => command(Key::J),
            Self::SwitchCell => alt(Key::X),
            Self::ToggleGrid => command(Key::G),
            Self::PreviousLayer => alt(Key::ArrowLeft),
            Self::NextLayer => alt(Key::ArrowRight),
            Self::PreviousHead => alt(Key::ArrowUp),
            Self::NextHead => alt(Key::ArrowDown),
            Self::NextQuantity => alt(Key::Q),
            Self::NextEncoder => alt(Key::E),
            Self::Evidence => shifted(Key::E),
            Self::Evaluation => shifted(Key::M),
            Self::AllLayersAndHeads => alt(Key::A),
            Self::Palette => command(Key::K),
            Self::Log => command(Key::L),
            Self::Guide => Some(KeyboardShortcut::new(Modifiers::NONE, Key::F1)),
            Self::Shortcuts => command(Key::F1),
            Self::Stop => Some(KeyboardShortcut::new(Modifiers::NONE, Key::Escape)),
            Self::CompareFolder
            | Self::ExportNumbers
            | Self::ExportTrace
            | Self::ExportRecipe
            | Self::RemoveConversation
            | Self::Ask
            | Self::AskBoth
            | Self::Detach
            | Self::ResetView
            | Self::EverythingOn
            | Self::ToggleTheme
            | Self::SwitchLanguage
            | Self::ResetLayout
            | Self::Glossary
            | Self::About => None,
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
            Self::NewPane => state.panes().count() < MOST_PANES,
            Self::ClosePane | Self::NextPane | Self::ToggleLinks => state.panes().count() > 1,
            Self::SwitchCell => {
                state.lens().selected.is_some() && state.trace().is_some() && !state.pane().source.is_token()
            }
            Self::EverythingOn => state.pane().source.interventions().is_some_and(|on| !on.is_none()),
            Self::CompareFolder => state.models.loaded(Slot::A).is_some(),
            Self::OtherModel | Self::CompareSides => state.models.are_two(),
            Self::LookBeside | Self::LookSwap | Self::LookWipe | Self::LookDifference | Self::LookDivergence => {
                state.models.are_two() || state.pane().source.look().is_some()
            }
            Self::AskBoth => state.models.are_two() && conversation.is_some_and(|shown| !shown.draft.trim().is_empty()),
            Self::ExportPicture | Self::ExportNumbers | Self::ExportTrace | Self::ExportRecipe => {
                state.trace().is_some()
            }
            Self::OpenFolder
            | Self::AttachPicture
            | Self::Quit
            | Self::NewConversation
            | Self::RemoveConversation
            | Self::Settings
            | Self::NextQuantity
            | Self::NextEncoder
            | Self::Evidence
            | Self::Evaluation
            | Self::PreviousLayer
            | Self::NextLayer
            | Self::PreviousHead
            | Self::NextHead
            | Self::AllLayersAndHeads
            | Self::ToggleGrid
            | Self::ZoomToFit
            | Self::ResetView
            | Self::ToggleTheme
            | Self::SwitchLanguage
            | Self::ResetLayout
            | Self::Guide
            | Self::Glossary
            | Self::Shortcuts
            | Self::Palette
            | Self::Log
            | Self::About => true,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::HashSet;

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
    fn every_command_has_words_of_its_own() {
        for language in [Language::English, Language::Chinese] {
            let names: HashSet<_> = UiCommand::ALL.iter().map(|command| command.words(language).0).collect();
            assert_eq!(names.len(), UiCommand::ALL.len(), "{language:?}");
        }
    }

    #[test]
    fn commands_of_one_group_of_a_menu_stand_together() {
        let mut seen = Vec::new();
        for command in UiCommand::ALL {
            if seen.last() != Some(&command.place()) {
                assert!(!seen.contains(&command.place()), "{command:?} stands apart from its group");
                seen.push(command.place());
            }
        }
    }
}
