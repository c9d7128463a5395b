//! Opening checkpoints.

/// What the window says while a checkpoint is opened.
#[derive(Debug)]
pub struct OpeningTexts {
    /// What the program does, in one line.
    pub tagline: &'static str,
    /// No model is there.
    pub no_model: &'static str,
    /// What can be opened.
    pub what_can_be_opened: &'static str,
    /// Opens a folder.
    pub open_folder: &'static str,
    /// Heading of the list of recent checkpoints.
    pub recent: &'static str,
    /// Heading of the list of checkpoints in the hub cache.
    pub hub: &'static str,
    /// The hub cache is empty.
    pub hub_empty: &'static str,
    /// Looking at a checkpoint.
    pub inspecting: &'static str,
    /// Reading weights.
    pub loading: &'static str,
    /// The job was asked to stop.
    pub cancelling: &'static str,
    /// It cannot be opened.
    pub refused: &'static str,
    /// Loads it.
    pub load: &'static str,
    /// Where to compute.
    pub device: &'static str,
    /// Type of the weights.
    pub weights: &'static str,
    /// Memory that is needed.
    pub needs: &'static str,
    /// Memory that is there.
    pub available: &'static str,
    /// Encoders.
    pub encoders: &'static str,
    /// An encoder's files were not found.
    pub missing: &'static str,
    /// Picks a folder.
    pub pick_folder: &'static str,
    /// Time gone by.
    pub elapsed: &'static str,
}

pub(super) const ENGLISH: OpeningTexts = OpeningTexts {
    tagline: "Shows where the Cambrian-1 multimodal models look.",
    no_model: "No model is open",
    what_can_be_opened: "Open the folder of a Cambrian-1 checkpoint, drop it on this window, or choose one below.",
    open_folder: "Open a folder…",
    recent: "Opened before",
    hub: "In the Hugging Face cache",
    hub_empty: "There is no Cambrian-1 checkpoint in the cache.",
    inspecting: "Looking at the checkpoint",
    loading: "Reading weights",
    cancelling: "Stopping",
    refused: "This cannot be opened",
    load: "Load",
    device: "Compute on",
    weights: "Keep weights as",
    needs: "Needs",
    available: "Free",
    encoders: "Encoders",
    missing: "not found",
    pick_folder: "Choose its folder…",
    elapsed: "elapsed",
};

pub(super) const CHINESE: OpeningTexts = OpeningTexts {
    tagline: "看清 Cambrian-1 多模态模型在看哪里。",
    no_model: "尚未打开模型",
    what_can_be_opened: "请打开 Cambrian-1 检查点所在的文件夹,也可以把它拖到窗口里,或从下面选择。",
    open_folder: "打开文件夹…",
    recent: "最近打开",
    hub: "Hugging Face 缓存中的模型",
    hub_empty: "缓存中没有 Cambrian-1 检查点。",
    inspecting: "正在检查模型文件",
    loading: "正在读取权重",
    cancelling: "正在停止",
    refused: "无法打开",
    load: "载入",
    device: "计算设备",
    weights: "权重精度",
    needs: "需要内存",
    available: "可用内存",
    encoders: "视觉编码器",
    missing: "未找到",
    pick_folder: "选择所在文件夹…",
    elapsed: "已用时",
};
