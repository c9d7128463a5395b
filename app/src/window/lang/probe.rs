//! Maps and their numbers.

/// What the window says about maps.
#[derive(Debug)]
pub struct ProbeTexts {
    /// There is no picture.
    pub no_picture: &'static str,
    /// There is a picture but no trace.
    pub no_trace: &'static str,
    /// Accessible name of the large map.
    pub large_map: &'static str,
    /// Accessible name of a small map; the encoder's name follows.
    pub small_map: &'static str,
    /// Quantity: share.
    pub share: &'static str,
    /// Quantity: lift.
    pub lift: &'static str,
    /// Quantity: entropy.
    pub entropy: &'static str,
    /// Quantity: dominant encoder.
    pub dominant: &'static str,
    /// Label of the layers.
    pub layers: &'static str,
    /// Label of the heads.
    pub heads: &'static str,
    /// All of them.
    pub all: &'static str,
    /// Mean.
    pub mean: &'static str,
    /// Maximum.
    pub max: &'static str,
    /// Opacity.
    pub opacity: &'static str,
    /// Evidence of SVA maps, and its limits.
    pub sva_evidence: &'static str,
    /// A cell.
    pub cell: &'static str,
    /// Nothing is selected.
    pub no_cell: &'static str,
    /// The cell is padding.
    pub padding: &'static str,
}

pub(super) const ENGLISH: ProbeTexts = ProbeTexts {
    no_picture: "No picture yet. Drop one here, paste it, or attach it beside the question.",
    no_trace: "Ask about the picture, and the maps appear here.",
    large_map: "Map",
    small_map: "Map of",
    share: "Share",
    lift: "Lift",
    entropy: "Entropy",
    dominant: "Dominant",
    layers: "Layers",
    heads: "Heads",
    all: "all",
    mean: "mean",
    max: "max",
    opacity: "Opacity",
    sva_evidence: "Attention: where the model read while it looked at the picture, before it knew the question.",
    cell: "Cell",
    no_cell: "Click a cell of the map to see its numbers.",
    padding: "padding",
};

pub(super) const CHINESE: ProbeTexts = ProbeTexts {
    no_picture: "还没有图片。可以拖到这里、粘贴,或在问题旁边添加。",
    no_trace: "就图片提问后,注意力图会显示在这里。",
    large_map: "注意力图",
    small_map: "编码器注意力图:",
    share: "占比",
    lift: "提升度",
    entropy: "熵",
    dominant: "主导编码器",
    layers: "层",
    heads: "注意力头",
    all: "全部",
    mean: "平均",
    max: "最大",
    opacity: "不透明度",
    sva_evidence: "注意力:模型看图时读取了哪里;此时它还不知道问题。",
    cell: "单元格",
    no_cell: "点击图上的单元格查看数值。",
    padding: "填充",
};
