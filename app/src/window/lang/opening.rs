//! Opening checkpoints.

/// What the window says while a checkpoint is opened.
#[derive(Debug)]
pub struct OpeningTexts {
    /// What the program does, in one line.
    pub tagline: &'static str,
    /// Opens the demo model.
    pub demo_open: &'static str,
    /// No model is open.
    pub no_model: &'static str,
    /// What can be opened.
    pub what_can_be_opened: &'static str,
    /// Opens a folder.
    pub open_folder: &'static str,
    /// Name of the field for a checkpoint.
    pub source: &'static str,
    /// Hint in that field.
    pub source_hint: &'static str,
    /// Opens what the field names.
    pub open: &'static str,
    /// The system has no file dialog.
    pub no_dialog: &'static str,
    /// Name of the field for a path.
    pub path: &'static str,
    /// How that field is used.
    pub path_keys: &'static str,
    /// There is nothing at the path.
    pub path_missing: &'static str,
    /// There is something at the path already.
    pub path_taken: &'static str,
    /// Heading of the list of recent checkpoints.
    pub recent: &'static str,
    /// Heading of the list of checkpoints in the hub cache.
    pub hub: &'static str,
    /// The hub cache is being looked through.
    pub hub_searching: &'static str,
    /// The hub cache is empty.
    pub hub_empty: &'static str,
    /// Files hang over the window.
    pub drop: &'static str,
    /// Looking at a checkpoint.
    pub inspecting: &'static str,
    /// Reading weights.
    pub loading: &'static str,
    /// The job was asked to stop.
    pub cancelling: &'static str,
    /// It cannot be opened.
    pub refused: &'static str,
    /// It cannot be loaded as it is set.
    pub does_not_fit: &'static str,
    /// Encoders are missing.
    pub encoders_first: &'static str,
    /// Looks at it once more.
    pub try_again: &'static str,
    /// Label: the file at fault.
    pub file: &'static str,
    /// Label: the key in it.
    pub key: &'static str,
    /// Label: what is wrong.
    pub problem: &'static str,
    /// Label: what would have been right.
    pub expected: &'static str,
    /// Label: what is there.
    pub found: &'static str,
    /// Label: what to do.
    pub what_to_do: &'static str,
    /// Label: details.
    pub details: &'static str,
    /// Loads the checkpoint.
    pub load: &'static str,
    /// Where to compute.
    pub device: &'static str,
    /// The best device there is.
    pub device_auto: &'static str,
    /// This build has no other device.
    pub only_cpu: &'static str,
    /// Type of the weights.
    pub weights: &'static str,
    /// The widest type that fits.
    pub weights_auto: &'static str,
    /// Memory of keys and values.
    pub kv_cache: &'static str,
    /// Memory of intermediate results.
    pub activations: &'static str,
    /// Sum.
    pub total: &'static str,
    /// Heading: memory.
    pub memory: &'static str,
    /// How the numbers were found.
    pub memory_note: &'static str,
    /// Memory that is there.
    pub available: &'static str,
    /// It is not known.
    pub unknown: &'static str,
    /// The checkpoint fits into memory.
    pub fits: &'static str,
    /// It does if encoders leave when they have looked at a picture.
    pub fits_one_by_one: &'static str,
    /// What that means.
    pub one_by_one_note: &'static str,
    /// How many answers are as in f32.
    pub same_answers: &'static str,
    /// How that was found, from so many questions.
    pub same_answers_note: fn(usize) -> String,
    /// The divergence of distributions, in thousandths of a nat.
    pub divergence: fn(f64) -> String,
    /// The checkpoint does not fit into memory.
    pub too_large: &'static str,
    /// Encoders.
    pub encoders: &'static str,
    /// An encoder's files were not found.
    pub missing: &'static str,
    /// Places that were looked at.
    pub looked_in: &'static str,
    /// Picks a folder.
    pub pick_folder: &'static str,
    /// Name of the field for an encoder's folder; the encoder's name follows.
    pub encoder_path: &'static str,
    /// Takes the folder in the field.
    pub use_folder: &'static str,
    /// Number of parameters.
    pub parameters: &'static str,
    /// How it is stored.
    pub stored: &'static str,
    /// Prompt template.
    pub template: &'static str,
    /// Length of the context.
    pub context: &'static str,
    /// Heading: what to know before loading.
    pub notes: &'static str,
    /// Heading: a second model is being opened.
    pub compare_title: &'static str,
    /// Time gone by.
    pub elapsed: &'static str,
    /// Time that is left.
    pub left: &'static str,
}

pub(super) const ENGLISH: OpeningTexts = OpeningTexts {
    tagline: "Five eyes, one answer: see where Cambrian-1 models look.",
    demo_open: "Open the demo model",
    no_model: "No model is open",
    what_can_be_opened: "Open the folder of a Cambrian-1 checkpoint, or drop it anywhere on this window.",
    open_folder: "Choose a folder…",
    source: "Checkpoint",
    source_hint: "Path of a folder, or organisation/name in the Hugging Face cache",
    open: "Open",
    no_dialog: "This desktop offers no file dialog (no xdg-desktop-portal, no zenity). Type the path, or drop the file on the window.",
    path: "Path",
    path_keys: "Tab completes · Enter opens · Esc closes",
    path_missing: "There is nothing at this path.",
    path_taken: "There is a file at this path already. Choose another name.",
    recent: "Opened before",
    hub: "In the Hugging Face cache",
    hub_searching: "Looking through the cache",
    hub_empty: "No Cambrian-1 checkpoint is in the cache. This command fetches one, and is the only one that goes to the network:",
    drop: "Drop a checkpoint’s folder to open it, or a picture to ask about it",
    inspecting: "Examining the files",
    loading: "Reading weights",
    cancelling: "Stopping",
    refused: "This cannot be opened",
    does_not_fit: "It cannot be loaded like this",
    encoders_first: "Encoders are missing: say above where their files are.",
    try_again: "Try again",
    file: "File",
    key: "Key",
    problem: "Problem",
    expected: "Expected",
    found: "Found",
    what_to_do: "What to do",
    details: "Details",
    load: "Load",
    device: "Compute on",
    device_auto: "Automatic",
    only_cpu: "This build computes on the CPU. Builds for CUDA or Metal offer those devices here.",
    weights: "Weights",
    weights_auto: "Choose the widest type that fits",
    kv_cache: "KV cache",
    activations: "Activations",
    total: "Total",
    memory: "Memory",
    memory_note: "Calculated from the shapes of the weights, for a question about a picture with 1,024 positions; activations are estimated, and a longer conversation takes more.",
    available: "Free",
    unknown: "not known",
    fits: "fits",
    fits_one_by_one: "fits, one encoder at a time",
    one_by_one_note: "There is no room for all encoders at once: each leaves memory when it has looked at a picture, and is read again for the next one. The total counts the largest of them.",
    same_answers: "Same answers",
    same_answers_note: |questions| {
        format!(
            "How many of {questions} questions the demo checkpoint answers with the very tokens of f32. Another checkpoint may lose more or less."
        )
    },
    divergence: |divergence| {
        format!(
            "Mean divergence (KL) of the next token's distribution from that of f32: {divergence} thousandths of a nat, on the demo checkpoint."
        )
    },
    too_large: "too large",
    encoders: "Encoders",
    missing: "not found",
    looked_in: "Looked in",
    pick_folder: "Choose its folder…",
    encoder_path: "Folder of",
    use_folder: "Use",
    parameters: "parameters",
    stored: "stored as",
    template: "template",
    context: "context of",
    notes: "Good to know",
    compare_title: "For comparison (B)",
    elapsed: "elapsed",
    left: "left",
};

pub(super) const CHINESE: OpeningTexts = OpeningTexts {
    tagline: "五只眼，一个答案：看清 Cambrian-1 模型在看哪里。",
    demo_open: "打开演示模型",
    no_model: "尚未打开模型",
    what_can_be_opened: "打开 Cambrian-1 检查点所在的文件夹，也可以把它拖到窗口的任意位置。",
    open_folder: "选择文件夹…",
    source: "检查点",
    source_hint: "文件夹路径，或 Hugging Face 缓存中的 组织/名称",
    open: "打开",
    no_dialog: "此桌面没有文件对话框（缺少 xdg-desktop-portal 和 zenity）。请输入路径，或把文件拖到窗口上。",
    path: "路径",
    path_keys: "Tab 补全 · 回车打开 · Esc 关闭",
    path_missing: "此路径下没有任何内容。",
    path_taken: "此路径下已有文件，请换一个名称。",
    recent: "最近打开",
    hub: "Hugging Face 缓存中的模型",
    hub_searching: "正在查找缓存",
    hub_empty: "缓存中没有 Cambrian-1 检查点。可用以下命令下载；只有此命令会联网：",
    drop: "松开即可打开检查点文件夹，或添加要提问的图片",
    inspecting: "正在检查模型文件",
    loading: "正在读取权重",
    cancelling: "正在停止",
    refused: "无法打开",
    does_not_fit: "按此设置无法载入",
    encoders_first: "缺少视觉编码器：请在上方指定其文件所在位置。",
    try_again: "重试",
    file: "文件",
    key: "键",
    problem: "问题",
    expected: "应为",
    found: "实为",
    what_to_do: "处理办法",
    details: "详情",
    load: "载入",
    device: "计算设备",
    device_auto: "自动",
    only_cpu: "此版本只用 CPU 计算；支持 CUDA 或 Metal 的版本会在此列出相应设备。",
    weights: "权重",
    weights_auto: "自动选择放得下的最高精度",
    kv_cache: "KV 缓存",
    activations: "激活值",
    total: "合计",
    memory: "内存",
    memory_note: "由权重形状算出，按一个关于图片的问题共 1024 个位置计；激活值为估计值，更长的对话需要更多内存。",
    available: "可用",
    unknown: "未知",
    fits: "放得下",
    fits_one_by_one: "放得下（编码器逐个载入）",
    one_by_one_note: "内存容不下全部编码器：每个编码器处理完图片后即让出内存，下一张图片时再重新读取。合计只计入其中最大的一个。",
    same_answers: "回答相同",
    same_answers_note: |questions| {
        format!("演示检查点对 {questions} 个问题的回答中，词元与 f32 完全相同的比例。其他检查点的损失可能更大或更小。")
    },
    divergence: |divergence| {
        format!("下一词元分布与 f32 的平均 KL 散度：千分之 {divergence} 奈特（在演示检查点上测得）。")
    },
    too_large: "放不下",
    encoders: "视觉编码器",
    missing: "未找到",
    looked_in: "查找过的位置",
    pick_folder: "选择所在文件夹…",
    encoder_path: "所在文件夹：",
    use_folder: "使用",
    parameters: "参数",
    stored: "存储为",
    template: "提示模板",
    context: "上下文",
    notes: "须知",
    compare_title: "对比模型（B）",
    elapsed: "已用",
    left: "剩余",
};
