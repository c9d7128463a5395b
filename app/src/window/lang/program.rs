//! Menus, settings and messages.

/// What the window says about itself.
#[derive(Debug)]
pub struct ProgramTexts {
    /// Menu of files.
    pub menu_file: &'static str,
    /// Menu of changes.
    pub menu_edit: &'static str,
    /// Menu of views.
    pub menu_view: &'static str,
    /// Menu of help.
    pub menu_help: &'static str,
    /// Panel of conversations.
    pub panel_conversation: &'static str,
    /// Panel of maps.
    pub panel_probe: &'static str,
    /// Panel of numbers.
    pub panel_inspector: &'static str,
    /// Closes something.
    pub close: &'static str,
    /// Gives something up.
    pub cancel: &'static str,
    /// Heading of the settings.
    pub settings: &'static str,
    /// Heading of the log.
    pub log: &'static str,
    /// The log has nothing in it.
    pub log_empty: &'static str,
    /// Setting: language.
    pub language: &'static str,
    /// Setting: light or dark.
    pub theme: &'static str,
    /// As the system has it.
    pub system: &'static str,
    /// Light colours.
    pub light: &'static str,
    /// Dark colours.
    pub dark: &'static str,
    /// Label of the palette's field.
    pub palette: &'static str,
    /// Hint in the palette's field.
    pub palette_hint: &'static str,
    /// The palette finds nothing.
    pub palette_nothing: &'static str,
    /// A place for a second model.
    pub compare: &'static str,
}

pub(super) const ENGLISH: ProgramTexts = ProgramTexts {
    menu_file: "File",
    menu_edit: "Edit",
    menu_view: "View",
    menu_help: "Help",
    panel_conversation: "Conversation",
    panel_probe: "Maps",
    panel_inspector: "Inspector",
    close: "Close",
    cancel: "Cancel",
    settings: "Settings",
    log: "Messages",
    log_empty: "Nothing has been reported.",
    language: "Language",
    theme: "Colours",
    system: "As the system",
    light: "Light",
    dark: "Dark",
    palette: "Command",
    palette_hint: "Type what you want to do",
    palette_nothing: "No command has these words.",
    compare: "Compare with…",
};

pub(super) const CHINESE: ProgramTexts = ProgramTexts {
    menu_file: "文件",
    menu_edit: "编辑",
    menu_view: "视图",
    menu_help: "帮助",
    panel_conversation: "对话",
    panel_probe: "注意力图",
    panel_inspector: "检查器",
    close: "关闭",
    cancel: "取消",
    settings: "设置",
    log: "消息",
    log_empty: "还没有任何消息。",
    language: "语言",
    theme: "配色",
    system: "跟随系统",
    light: "浅色",
    dark: "深色",
    palette: "命令",
    palette_hint: "输入想做的事",
    palette_nothing: "没有符合的命令。",
    compare: "与另一模型比较…",
};
