//! Bringing checkpoints from the hub.

/// What the window says of files on the hub.
#[derive(Debug)]
pub struct DownloadTexts {
    /// It is not on this machine.
    pub not_here: &'static str,
    /// Encoders are missing.
    pub encoders_not_here: &'static str,
    /// Asks the hub.
    pub look_up: &'static str,
    /// The hub is being asked.
    pub asking: &'static str,
    /// Label: where it comes from.
    pub from: &'static str,
    /// Label: where it goes.
    pub into: &'static str,
    /// Label: all repositories together.
    pub in_all: &'static str,
    /// How much is to come.
    pub to_come: &'static str,
    /// How much is there.
    pub there: &'static str,
    /// An encoder was found in another place.
    pub found_elsewhere: &'static str,
    /// Begins.
    pub download: &'static str,
    /// Nothing is missing: opens it.
    pub open: &'static str,
    /// Lets it stand still.
    pub pause: &'static str,
    /// It is about to stand still.
    pub pausing: &'static str,
    /// It stands still.
    pub paused: &'static str,
    /// Goes on.
    pub resume: &'static str,
    /// It is arriving.
    pub arriving: &'static str,
    /// Another process brings a file.
    pub elsewhere: &'static str,
    /// What is there of a file is checked.
    pub checking: &'static str,
    /// It did not work.
    pub failed: &'static str,
    /// The whole repository is in the cache.
    pub done: &'static str,
}

/// In English.
pub const ENGLISH: DownloadTexts = DownloadTexts {
    not_here: "The Hugging Face hub may have it. Nothing is asked of the network before you say so.",
    encoders_not_here: "The Hugging Face hub may have the missing encoders. Nothing is asked of the network before you say so.",
    look_up: "Look it up on the hub",
    asking: "Asking the hub what it takes",
    from: "From",
    into: "Into",
    in_all: "In all",
    to_come: "to download",
    there: "already there",
    found_elsewhere: "found in",
    download: "Download",
    open: "Open",
    pause: "Pause",
    pausing: "Pausing",
    paused: "Paused. What arrived is kept, also after a restart.",
    resume: "Resume",
    arriving: "Downloading",
    elsewhere: "another process brings it",
    checking: "checking",
    failed: "The download did not get on",
    done: "Downloaded",
};

/// 简体中文。
pub const CHINESE: DownloadTexts = DownloadTexts {
    not_here: "Hugging Face 上可能有此检查点。未经您同意，不会访问网络。",
    encoders_not_here: "Hugging Face 上可能有缺少的编码器。未经您同意，不会访问网络。",
    look_up: "在 Hugging Face 上查找",
    asking: "正在查询需要哪些文件",
    from: "来源",
    into: "保存到",
    in_all: "合计",
    to_come: "待下载",
    there: "已存在",
    found_elsewhere: "位于",
    download: "下载",
    open: "打开",
    pause: "暂停",
    pausing: "正在暂停",
    paused: "已暂停。已下载的部分会保留，重启后仍可继续。",
    resume: "继续",
    arriving: "正在下载",
    elsewhere: "另一个进程正在下载",
    checking: "正在校验",
    failed: "下载未能继续",
    done: "已下载",
};
