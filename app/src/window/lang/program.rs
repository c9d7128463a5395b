//! Menus, settings and messages.

use crate::window::state::Kept;
use opabinia_engine::job::Stage;

/// What the window says about itself.
#[derive(Debug)]
pub struct ProgramTexts {
    /// Menu of files.
    pub menu_file: &'static str,
    /// Menu of changes.
    pub menu_edit: &'static str,
    /// Menu of views.
    pub menu_view: &'static str,
    /// The menu of panes of maps.
    pub menu_panes: &'static str,
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
    /// Copies something.
    pub copy: &'static str,
    /// Copies everything.
    pub copy_all: &'static str,
    /// Accessible name of the menu of the first model.
    pub model_a: &'static str,
    /// Accessible name of the menu of the second model.
    pub model_b: &'static str,
    /// Takes a model out of memory.
    pub unload: &'static str,
    /// Lets this model answer.
    pub answer_with: &'static str,
    /// This model answers.
    pub is_asked: &'static str,
    /// Opens another model in its place.
    pub change_model: &'static str,
    /// Opens it again with other settings.
    pub reload: &'static str,
    /// A place for a second model.
    pub compare: &'static str,
    /// Heading of the settings.
    pub settings: &'static str,
    /// Heading: how the window looks.
    pub appearance: &'static str,
    /// Heading: how answers are made.
    pub answers: &'static str,
    /// Setting: size of everything.
    pub scale: &'static str,
    /// Setting: language.
    pub language: &'static str,
    /// Setting: light or dark.
    pub theme: &'static str,
    /// Light or dark as the system has it.
    pub system: &'static str,
    /// Light colours.
    pub light: &'static str,
    /// Dark colours.
    pub dark: &'static str,
    /// Unit of the greatest number of tokens.
    pub tokens: &'static str,
    /// Where everything is kept.
    pub kept_in: &'static str,
    /// Nothing is kept.
    pub not_kept: &'static str,
    /// Heading of the log.
    pub log: &'static str,
    /// The log has nothing in it.
    pub log_empty: &'static str,
    /// A message that something was done.
    pub info: &'static str,
    /// A message to be careful about.
    pub warning: &'static str,
    /// A message that something did not work.
    pub failure: &'static str,
    /// More messages than are shown.
    pub more_in_log: &'static str,
    /// Label of the palette's field.
    pub palette: &'static str,
    /// Hint in the palette's field.
    pub palette_hint: &'static str,
    /// The palette finds nothing.
    pub palette_nothing: &'static str,
    /// How the palette is used.
    pub palette_keys: &'static str,
    /// Accessible name of the button that opens the palette.
    pub find_command: &'static str,
    /// Heading: what the program is.
    pub about: &'static str,
    /// What the program is.
    pub about_text: &'static str,
    /// Heading: what the numbers may claim.
    pub claims: &'static str,
    /// What SVA maps show.
    pub claim_prefill: &'static str,
    /// Attention is a hint.
    pub claim_hint: &'static str,
    /// Why lift stands beside share.
    pub claim_lift: &'static str,
    /// A token is not a patch.
    pub claim_grid: &'static str,
    /// When numbers can be compared.
    pub claim_precision: &'static str,
    /// Its licence.
    pub licence: &'static str,
    /// Its version.
    pub version: &'static str,
    /// When it goes to the network.
    pub offline: &'static str,
    /// Stage: finding files.
    pub stage_inspect: &'static str,
    /// Stage: reading weights.
    pub stage_load: &'static str,
    /// Stage: running encoders.
    pub stage_encode: &'static str,
    /// Stage: running the connector.
    pub stage_connect: &'static str,
    /// Stage: reading the prompt.
    pub stage_prefill: &'static str,
    /// Stage: generating.
    pub stage_decode: &'static str,
    /// Running interventions.
    pub stage_measure: &'static str,
    /// Comparing the weights of two checkpoints.
    pub stage_compare: &'static str,
    /// A job waits for its turn.
    pub waiting: &'static str,
    /// Stops what the engine does.
    pub stop: &'static str,
    /// Accessible name of what the engine is doing.
    pub working: &'static str,
    /// The graphics device is gone.
    pub graphics_lost: &'static str,
    /// The graphics driver reported an error; its words follow.
    pub graphics_fault: &'static str,
    /// There is no graphics device to draw maps with.
    pub no_graphics: &'static str,
    /// What a lost device means.
    pub no_maps: &'static str,
    /// Everything is saved.
    pub all_saved: &'static str,
    /// It is being saved.
    pub saved_soon: &'static str,
    /// It could not be saved, and what to do; why follows.
    pub not_saved: &'static str,
    /// This window saves nothing.
    pub saves_nothing: &'static str,
    /// Starts the program again.
    pub restart: &'static str,
    /// The program could not be started again; why follows.
    pub restart_failed: &'static str,
    /// Goes on without.
    pub go_on: &'static str,
    /// A saved file could not be used; the file it was moved to, and why, follow.
    pub kept_aside: &'static str,
    /// The last good copy was used instead.
    pub from_copy: &'static str,
    /// The saved file is of a newer version.
    pub newer: &'static str,
    /// A part of the saved file could not be used; its name follows.
    pub part_lost: &'static str,
    /// The same, and it was taken from the copy.
    pub part_from_copy: &'static str,
    /// Where the damaged file is now follows.
    pub damaged_kept: &'static str,
    /// Another window has the data directory.
    pub second_window: &'static str,
    /// Saving failed; why follows.
    pub save_failed: &'static str,
}

impl ProgramTexts {
    /// What the engine is doing, in one word.
    pub fn stage(&self, stage: Stage) -> &'static str {
        match stage {
            Stage::Inspect => self.stage_inspect,
            Stage::Load => self.stage_load,
            Stage::Encode => self.stage_encode,
            Stage::Connect => self.stage_connect,
            Stage::Prefill => self.stage_prefill,
            Stage::Decode => self.stage_decode,
            Stage::Measure => self.stage_measure,
            Stage::Compare => self.stage_compare,
        }
    }

    /// What a lost device means, and what has become of what was asked.
    pub fn graphics_lost_text(&self, kept: &Kept, said: fn(&str) -> String) -> String {
        let (so_far, why) = match kept {
            Kept::Saved => (self.all_saved, None),
            Kept::Soon => (self.saved_soon, None),
            Kept::Failed(why) => (self.not_saved, Some(why)),
            Kept::Nowhere => (self.saves_nothing, None),
        };
        let mut text = format!("{}\n\n{so_far}", self.no_maps);
        if let Some(why) = why {
            text.push(' ');
            text.push_str(&said(why));
        }
        text
    }
}

pub(super) const ENGLISH: ProgramTexts = ProgramTexts {
    menu_file: "File",
    menu_edit: "Edit",
    menu_view: "View",
    menu_panes: "Panes",
    menu_help: "Help",
    panel_conversation: "Conversation",
    panel_probe: "Maps",
    panel_inspector: "Inspector",
    close: "Close",
    cancel: "Cancel",
    copy: "Copy",
    copy_all: "Copy all",
    model_a: "Model A",
    model_b: "Model B",
    unload: "Unload",
    answer_with: "Ask this model, show its maps",
    is_asked: "It answers, and its maps are shown",
    change_model: "Change…",
    reload: "Device and weights…",
    compare: "Compare…",
    settings: "Settings",
    appearance: "Appearance",
    answers: "Answers",
    scale: "Size",
    language: "Language",
    theme: "Colours",
    system: "As the system",
    light: "Light",
    dark: "Dark",
    tokens: "tokens",
    kept_in: "Kept in",
    not_kept: "Nothing is kept: this window has no data directory.",
    log: "Messages",
    log_empty: "Nothing has been reported.",
    info: "Note",
    warning: "Warning",
    failure: "Problem",
    more_in_log: "more in Messages",
    palette: "Command",
    palette_hint: "Type what you want to do",
    palette_nothing: "No command has these words.",
    palette_keys: "↑ ↓ choose · Enter does it · Esc closes",
    find_command: "Find a command",
    about: "About Opabinia",
    about_text: "Opabinia was a Cambrian animal with five eyes. Cambrian-1 models look at a picture with several encoders and fuse them into one view; this program shows which eye saw what.",
    claims: "What the numbers mean",
    claim_prefill: "SVA maps show where visual tokens came from. They are made before the question is read; those of sampler layers depend on the system prompt, too.",
    claim_hint: "Attention is correlational: it says where the model attended, not how much that contributed. Only an intervention – switching something off – measures an effect.",
    claim_lift: "Encoders have windows of different sizes. Lift compares a share with what uniform attention would give.",
    claim_grid: "Features were resampled to the query grid before they were fused: a cell is not exactly a patch of the photo.",
    claim_precision: "Compare numbers with the reference implementation only with weights kept as f32 on the CPU.",
    licence: "Licence",
    version: "Version",
    offline: "Only “opabinia pull” and “Look it up on the hub” go to the network.",
    stage_inspect: "examining",
    stage_load: "loading",
    stage_encode: "encoding",
    stage_connect: "connecting",
    stage_prefill: "prefill",
    stage_decode: "answering",
    stage_measure: "measuring",
    stage_compare: "comparing weights",
    waiting: "waiting",
    stop: "Stop",
    working: "The engine is at work",
    graphics_lost: "The graphics device was lost",
    graphics_fault: "The graphics driver reported an error",
    no_graphics: "There is no graphics device to draw maps with.",
    no_maps: "Maps cannot be drawn until the program is started again.",
    all_saved: "Everything you asked and were answered has been saved.",
    saved_soon: "What you asked and were answered is being saved.",
    not_saved: "What you asked and were answered could not be saved, and this window is not closed for a new one until it can be. Close it yourself to leave that behind. The reason:",
    saves_nothing: "This window saves nothing: what you asked and were answered in it will be gone.",
    restart: "Start again",
    restart_failed: "The program could not be started again:",
    go_on: "Go on without maps",
    kept_aside: "The saved session could not be read; it has been kept as",
    from_copy: "The copy saved before it is used instead.",
    newer: "it was written by a newer version of this program",
    part_lost: "A part of the saved session could not be read and is left out:",
    part_from_copy: "A part of the saved session could not be read; it was taken from the copy saved before:",
    damaged_kept: "The damaged file has been kept as",
    second_window: "Another window of this program is open and keeps the session. What is done in this one is not kept.",
    save_failed: "The session could not be saved:",
};

pub(super) const CHINESE: ProgramTexts = ProgramTexts {
    menu_file: "文件",
    menu_edit: "编辑",
    menu_view: "视图",
    menu_panes: "窗格",
    menu_help: "帮助",
    panel_conversation: "对话",
    panel_probe: "注意力图",
    panel_inspector: "检查器",
    close: "关闭",
    cancel: "取消",
    copy: "复制",
    copy_all: "全部复制",
    model_a: "模型 A",
    model_b: "模型 B",
    unload: "卸载",
    answer_with: "由此模型回答并显示其注意力图",
    is_asked: "由它回答，并显示它的注意力图",
    change_model: "更换…",
    reload: "设备与精度…",
    compare: "对比…",
    settings: "设置",
    appearance: "外观",
    answers: "回答",
    scale: "大小",
    language: "语言",
    theme: "配色",
    system: "跟随系统",
    light: "浅色",
    dark: "深色",
    tokens: "词元",
    kept_in: "保存在",
    not_kept: "不会保存任何内容：此窗口没有数据目录。",
    log: "消息",
    log_empty: "还没有任何消息。",
    info: "提示",
    warning: "警告",
    failure: "错误",
    more_in_log: "条，见“消息”",
    palette: "命令",
    palette_hint: "输入想做的事",
    palette_nothing: "没有符合的命令。",
    palette_keys: "↑ ↓ 选择 · 回车执行 · Esc 关闭",
    find_command: "查找命令",
    about: "关于 Opabinia",
    about_text: "欧巴宾海蝎是寒武纪的五眼动物。Cambrian-1 模型用多个编码器看同一张图，再融合成一个视图；本程序让你看清哪只眼看到了什么。",
    claims: "这些数字意味着什么",
    claim_prefill: "SVA 图显示视觉词元来自哪里，在模型看到问题之前得出；SVA 采样层的图还取决于系统提示。",
    claim_hint: "注意力是相关性证据：它说明模型关注了哪里，不代表其贡献；只有干预（把某部分关掉）才能测出影响。",
    claim_lift: "各编码器的窗口大小不同。提升度把占比与均匀注意力应有的占比相比较。",
    claim_grid: "特征在融合之前已被重采样到查询网格：一个单元格并不精确对应照片上的一块。",
    claim_precision: "只有在 CPU 上以 f32 保存权重时，数值才可与参考实现相比较。",
    licence: "许可",
    version: "版本",
    offline: "只有“opabinia pull”和“在 Hugging Face 上查找”会联网。",
    stage_inspect: "检查",
    stage_load: "载入",
    stage_encode: "编码",
    stage_connect: "融合",
    stage_prefill: "预填充",
    stage_decode: "回答",
    stage_measure: "测量",
    stage_compare: "比较权重",
    waiting: "等待",
    stop: "停止",
    working: "引擎正在工作",
    graphics_lost: "图形设备已丢失",
    graphics_fault: "图形驱动报告了错误",
    no_graphics: "没有可用来绘制注意力图的图形设备。",
    no_maps: "重新启动程序之前无法绘制注意力图。",
    all_saved: "你的提问和回答都已保存。",
    saved_soon: "正在保存你的提问和回答。",
    not_saved: "未能保存你的提问和回答；在保存成功之前，程序不会重新启动。如果愿意放弃这些内容，请自行关闭窗口。原因：",
    saves_nothing: "此窗口不保存任何内容：其中的提问和回答将会丢失。",
    restart: "重新启动",
    restart_failed: "无法重新启动程序：",
    go_on: "不看图继续",
    kept_aside: "无法读取上次保存的内容，已另存为",
    from_copy: "改用之前保存的副本。",
    newer: "它由更新版本的程序写入",
    part_lost: "上次保存的内容有一部分无法读取，已略去：",
    part_from_copy: "上次保存的内容有一部分无法读取，已改用之前保存的副本：",
    damaged_kept: "损坏的文件已另存为",
    second_window: "本程序的另一个窗口正在保存会话，此窗口中的内容不会被保存。",
    save_failed: "无法保存会话：",
};
