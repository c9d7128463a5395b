//! Controls of the view as menus and the palette name them, where the panels have no words for it.

/// What the window says about controls of the view.
#[derive(Debug)]
pub struct ControlTexts {
    /// Group: what the maps are made from.
    pub source: &'static str,
    /// Group: the encoder of the large map.
    pub encoder: &'static str,
    /// What choosing one does.
    pub encoder_tip: &'static str,
    /// Group: how layers and heads become one number.
    pub reduction: &'static str,
    /// Group: colour maps, palettes.
    pub colour_map: &'static str,
    /// What choosing one does.
    pub colour_map_tip: &'static str,
    /// What an opacity does.
    pub opacity_tip: &'static str,
    /// Group: smoothing and lines.
    pub drawing: &'static str,
    /// Group: what an encoder was given.
    pub input: &'static str,
}

pub(super) const ENGLISH: ControlTexts = ControlTexts {
    source: "Attention of",
    encoder: "Encoder",
    encoder_tip: "Show this encoder in the large map",
    reduction: "Reduction (mean or max)",
    colour_map: "Colour map",
    colour_map_tip: "The palette that values are drawn with",
    opacity_tip: "How much of the picture the map hides",
    drawing: "Drawing",
    input: "Encoder input",
};

pub(super) const CHINESE: ControlTexts = ControlTexts {
    source: "注意力来源",
    encoder: "编码器",
    encoder_tip: "在大图中显示该编码器",
    reduction: "归约（平均或最大）",
    colour_map: "配色方案",
    colour_map_tip: "用来绘制数值的调色板",
    opacity_tip: "注意力图遮住图片的程度",
    drawing: "绘制",
    input: "编码器输入",
};
