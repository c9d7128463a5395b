//! Maps and their numbers.

use opabinia_engine::probe::Trace;
use opabinia_shaders::{ColourMap, Quantity};

/// What the window says about maps.
#[derive(Debug)]
pub struct ProbeTexts {
    /// There is no picture.
    pub no_picture: &'static str,
    /// There is a picture but no trace.
    pub no_trace: &'static str,
    /// Maps are to show a token's attention, but none is known.
    pub no_token_map: &'static str,
    /// What the colours of the first view mean.
    pub first_colours: &'static str,
    /// There is an answer, but not its maps.
    pub maps_missing: &'static str,
    /// Makes the maps.
    pub make_maps: &'static str,
    /// The encoders and the SVA are at work.
    pub trace_coming: &'static str,
    /// The maps are being made.
    pub uploading: &'static str,
    /// Accessible name of the large map.
    pub large_map: &'static str,
    /// Accessible name of a small map; the encoder's name follows.
    pub small_map: &'static str,
    /// What the maps are made from: the SVA.
    pub source_sva: (&'static str, &'static str),
    /// What the maps are made from: a token.
    pub source_token: (&'static str, &'static str),
    /// Label of the quantities.
    pub quantity: &'static str,
    /// Quantity: share, and what it is.
    pub share: (&'static str, &'static str),
    /// Quantity: lift.
    pub lift: (&'static str, &'static str),
    /// Quantity: entropy.
    pub entropy: (&'static str, &'static str),
    /// Quantity: normalized entropy.
    pub normalised_entropy: (&'static str, &'static str),
    /// Quantity: dominant encoder.
    pub dominant: (&'static str, &'static str),
    /// Colour bar of share, with its unit.
    pub share_unit: &'static str,
    /// Colour bar of share where a texel is a token.
    pub token_share_unit: &'static str,
    /// Colour bar of lift.
    pub lift_unit: &'static str,
    /// Colour bar of entropy.
    pub entropy_unit: &'static str,
    /// Colour bar of normalized entropy.
    pub normalised_entropy_unit: &'static str,
    /// Legend of encoders.
    pub dominant_unit: &'static str,
    /// Colour bar of a token's attention.
    pub attention_unit: &'static str,
    /// Low end of lift.
    pub less_than_uniform: &'static str,
    /// High end of lift.
    pub more_than_uniform: &'static str,
    /// The colour bar is only the large map's.
    pub only_large: &'static str,
    /// The colour bar is only the small maps'.
    pub only_small: &'static str,
    /// Label of the layers, and what they are.
    pub layers: (&'static str, &'static str),
    /// One layer; its name follows.
    pub layer: &'static str,
    /// Label of the heads.
    pub heads: (&'static str, &'static str),
    /// One head; its number follows.
    pub head: &'static str,
    /// All layers, or all heads.
    pub all: &'static str,
    /// How to choose several.
    pub several_tip: &'static str,
    /// Connector layers, and what they are.
    pub connector: (&'static str, &'static str),
    /// Sampler layers, and what they are.
    pub sampler: (&'static str, &'static str),
    /// A connector layer: its number, and how many there are.
    connector_layer: fn(&str, usize) -> String,
    /// A sampler layer, by the decoder layer that it follows.
    sampler_layer: fn(&str) -> String,
    /// A head, by its number.
    head_about: fn(usize) -> String,
    /// Layers of the language model, in the view of a token's attention.
    pub decoder_layers: &'static str,
    /// Heads of the language model, in the view of a token's attention.
    pub decoder_heads: &'static str,
    /// Label of mean and maximum.
    pub reduction: &'static str,
    /// Mean.
    pub mean: (&'static str, &'static str),
    /// Maximum.
    pub max: (&'static str, &'static str),
    /// Between runs of layers in a list, and before the last one.
    pub and: (&'static str, &'static str),
    /// Opens what colours and lines are chosen in.
    pub appearance: &'static str,
    /// Label of colour maps.
    pub colours: &'static str,
    /// The colour map that fits the quantity.
    pub fitting: &'static str,
    /// Colour map: grey.
    pub grey: &'static str,
    /// Colour map: diverging.
    pub diverging: &'static str,
    /// Opacity.
    pub opacity: &'static str,
    /// Label of the range of colours.
    pub scale: &'static str,
    /// One range for all maps.
    pub scale_common: (&'static str, &'static str),
    /// Each map its own.
    pub scale_own: (&'static str, &'static str),
    /// A fixed range of colours.
    pub scale_fixed: (&'static str, &'static str),
    /// Lower end of the fixed range.
    pub from: &'static str,
    /// Upper end of the fixed range.
    pub to: &'static str,
    /// Label of what a patch is.
    pub patches: &'static str,
    /// A patch is a cell.
    pub cells: (&'static str, &'static str),
    /// A patch is a token.
    pub tokens: (&'static str, &'static str),
    /// Patches or a smooth surface.
    pub smooth: (&'static str, &'static str),
    /// The photo without its colours.
    pub grey_photo: (&'static str, &'static str),
    /// The query grid.
    pub grid: (&'static str, &'static str),
    /// Back to the first view.
    pub reset: &'static str,
    /// Shows the whole square.
    pub fit: (&'static str, &'static str),
    /// All encoders.
    pub all_encoders: &'static str,
    /// An encoder's window in words: tokens to a side of its grid, of a cell's window.
    geometry: fn(usize, usize) -> String,
    /// Before the name of an encoder: what it was shown.
    pub input_of: &'static str,
    /// What the input of an encoder is.
    pub input_tip: &'static str,
    /// Goes back from an encoder's input to the maps.
    pub back_to_maps: &'static str,
    /// A cell by its row and column.
    cell_at: fn(u32, u32) -> String,
    /// How many tokens a range of values is of.
    tokens_in: fn(usize) -> String,
    /// Nothing is pointed at.
    pub point: &'static str,
    /// Numbers are on their way.
    pub numbers_awaited: &'static str,
    /// A cell.
    pub cell: &'static str,
    /// Nothing is selected.
    pub no_cell: &'static str,
    /// The cell is padding.
    pub padding: &'static str,
    /// Its keys are masked.
    pub masked: &'static str,
    /// These layers do not cover it.
    pub outside: &'static str,
}

impl ProbeTexts {
    /// An encoder's grid of `tokens` to a side, with `window` of them to a side for one cell.
    pub fn geometry(&self, tokens: usize, window: usize) -> String {
        (self.geometry)(tokens, window)
    }

    /// A quantity's name, and what it is.
    pub fn quantity_words(&self, quantity: Quantity) -> (&'static str, &'static str) {
        match quantity {
            Quantity::Share => self.share,
            Quantity::Lift => self.lift,
            Quantity::Entropy => self.entropy,
            Quantity::NormalisedEntropy => self.normalised_entropy,
            Quantity::Dominant => self.dominant,
        }
    }

    /// The name of a colour map, or of the choice that fits the quantity.
    pub fn colour_map_name(&self, colours: Option<ColourMap>) -> &'static str {
        match colours {
            None => self.fitting,
            Some(ColourMap::Viridis) => "Viridis",
            Some(ColourMap::Magma) => "Magma",
            Some(ColourMap::Turbo) => "Turbo",
            Some(ColourMap::Grey) => self.grey,
            Some(ColourMap::Diverging) => self.diverging,
        }
    }

    /// What layers are whose labels begin with these letters.
    pub fn layer_kind(&self, letters: &str) -> Option<(&'static str, &'static str)> {
        match letters {
            "C" => Some(self.connector),
            "S" => Some(self.sampler),
            _ => None,
        }
    }

    /// What the layer at this place of `trace` is.
    pub fn layer_about(&self, trace: &Trace, at: usize) -> String {
        let label = trace.layers.get(at).map_or("", |layer| layer.label.as_str());
        if let Some(number) = label.strip_prefix('C') {
            let connectors = trace.layers.iter().filter(|layer| layer.label.starts_with('C')).count();
            return (self.connector_layer)(number, connectors);
        }
        label.strip_prefix('S').map_or_else(|| label.to_owned(), |after| (self.sampler_layer)(after))
    }

    /// What the head with this number is.
    pub fn head_about(&self, head: usize) -> String {
        (self.head_about)(head)
    }

    /// The cell at this place.
    pub fn cell_at(&self, cell: opabinia_shaders::Cell) -> String {
        (self.cell_at)(cell.row, cell.col)
    }

    /// So many tokens.
    pub fn tokens_in(&self, count: usize) -> String {
        (self.tokens_in)(count)
    }
}

pub(super) const ENGLISH: ProbeTexts = ProbeTexts {
    no_picture: "No picture yet. Drop one here, paste it, or attach it beside the question.",
    no_trace: "Ask about the picture, and the maps appear here.",
    no_token_map: "Select a token of the answer, and what it attended to appears here.",
    first_colours: "Red cells read this encoder more than uniform attention would, blue ones less. The outlined cell is explained on the right.",
    maps_missing: "The maps of this answer are not kept. The model can look at the picture once more to make them.",
    make_maps: "Make the maps",
    trace_coming: "The model is looking at the picture. The maps appear here before its first word.",
    uploading: "Making the maps",
    large_map: "Map",
    small_map: "Map of",
    source_sva: ("Encoders", "What the SVA attended to in each encoder, before the question was read"),
    source_token: (
        "Selected token",
        "What the language model attended to in the picture when it wrote the selected token",
    ),
    quantity: "Quantity",
    share: ("Share", "The encoder's part of a cell's attention; the shares of a cell sum to 1"),
    lift: ("Lift", "Share compared with what uniform attention would give: 0 is as much, 1 twice as much, −1 half"),
    entropy: ("Entropy", "How spread out a cell's attention is over all of its keys, in bits"),
    normalised_entropy: (
        "Normalized entropy",
        "Entropy ÷ entropy of uniform attention over the same keys: 1 is as spread out as can be",
    ),
    dominant: (
        "Dominant",
        "The encoder with the highest lift in each cell: the one attended to most beyond what uniform attention would give \
         it. By share alone, the encoder with the largest window would win nearly everywhere",
    ),
    share_unit: "Share of attention",
    token_share_unit: "Attention to one token (probability)",
    lift_unit: "Lift (log₂ of share ÷ uniform share)",
    entropy_unit: "Entropy (bits)",
    normalised_entropy_unit: "Normalized entropy (÷ entropy of uniform attention)",
    dominant_unit: "Dominant encoder: highest lift in the cell",
    attention_unit: "Attention of the selected token (probability)",
    less_than_uniform: "less than uniform",
    more_than_uniform: "more than uniform",
    only_large: "large map",
    only_small: "small maps",
    layers: (
        "Layers",
        "SVA layers. C: connector layers, before the language model; S: sampler layers, between its layers",
    ),
    layer: "Layer",
    heads: ("Heads", "Attention heads of each layer"),
    head: "Head",
    all: "All",
    several_tip: "Click for this one alone, drag for a range; Ctrl-click adds, Shift-click extends",
    connector: (
        "Connector",
        "C: SVA connector layers. They run before the language model and make the visual tokens out of all encoders",
    ),
    sampler: (
        "Sampler",
        "S: SVA sampler layers. They run between layers of the language model, where visual tokens attend to all encoders \
         once more. The number is the decoder layer they follow",
    ),
    connector_layer: |number, count| {
        format!(
            "SVA connector layer {number} of {count}: before the language model, every cell of the query grid attends to its \
             window of each encoder"
        )
    },
    sampler_layer: |after| {
        format!(
            "SVA sampler layer after decoder layer {after}: inside the language model, every visual token attends to its \
             window of each encoder once more"
        )
    },
    head_about: |head| {
        format!(
            "Attention head {head}, counted from 0: every head of an SVA layer has attention of its own, summing to 1"
        )
    },
    decoder_layers: "Decoder layers of the language model, counted from 0; All is their mean",
    decoder_heads: "Attention heads of the decoder layers, counted from 0; All is their mean",
    reduction: "Layers and heads become one number by",
    mean: ("Mean", "Mean over the chosen layers and heads"),
    max: ("Max", "Maximum over the chosen layers and heads"),
    and: (", ", " and "),
    appearance: "Appearance",
    colours: "Colours",
    fitting: "Automatic",
    grey: "Grey",
    diverging: "Diverging",
    opacity: "Opacity",
    scale: "Range of colours",
    scale_common: ("Same for all", "One range for all maps, so that they can be compared"),
    scale_own: ("Each its own", "Each map's own range: its colours cannot be compared with those of other maps"),
    scale_fixed: (
        "Fixed",
        "A range that stays when layers and heads change; what lies beyond takes the colours of its ends",
    ),
    from: "From",
    to: "To",
    patches: "Patches",
    cells: ("Cells", "One patch for each cell of the query grid"),
    tokens: ("Tokens", "One patch for each token of the encoder"),
    smooth: ("Smooth", "Interpolate between the middles of patches"),
    grey_photo: ("Grey photo", "So that no colour of the photo is taken for one of the map's"),
    grid: ("Query grid", "Draw lines between the cells"),
    reset: "Reset the view",
    fit: ("Fit", "Show the whole picture"),
    all_encoders: "all encoders",
    geometry: |tokens, window| format!("{tokens}×{tokens}, window {window}×{window}"),
    input_of: "Input of",
    input_tip: "Show the pixels this encoder was given: padded to a square in its own colour and resized",
    back_to_maps: "Back to the map",
    cell_at: |row, col| format!("Cell (row {row}, column {col})"),
    tokens_in: |count| format!("{count} tokens"),
    point: "Point at a cell to read its values; click to look into it.",
    numbers_awaited: "reading",
    cell: "Cell",
    no_cell: "Click a cell of the map to see its numbers.",
    padding: "padding",
    masked: "masked",
    outside: "not covered",
};

pub(super) const CHINESE: ProbeTexts = ProbeTexts {
    no_picture: "还没有图片。可以拖到这里、粘贴，或在问题旁边添加。",
    no_trace: "就图片提问后，注意力图会显示在这里。",
    no_token_map: "在回答中选择一个词元，这里会显示它关注了图片的哪些位置。",
    first_colours: "红色单元格对该编码器的关注高于均匀注意力，蓝色则低于它。右侧说明被框出的单元格。",
    maps_missing: "此回答的注意力图没有保存。模型可以再看一遍图片来重新生成。",
    make_maps: "生成注意力图",
    trace_coming: "模型正在看图。在它说出第一个词之前，注意力图就会显示在这里。",
    uploading: "正在生成注意力图",
    large_map: "注意力图",
    small_map: "编码器注意力图：",
    source_sva: ("编码器", "SVA 在读到问题之前关注了每个编码器的哪些位置"),
    source_token: ("所选词元", "语言模型写出所选词元时，关注了图片的哪些位置"),
    quantity: "显示的量",
    share: ("占比", "单元格的注意力中属于该编码器的部分；同一单元格的占比之和为 1"),
    lift: ("提升度", "占比与均匀注意力的比较：0 表示相同，1 表示两倍，−1 表示一半"),
    entropy: ("熵", "单元格的注意力在全部键上有多分散，单位为比特"),
    normalised_entropy: ("归一化熵", "熵与均匀注意力的熵之比：1 表示最分散"),
    dominant: (
        "主导编码器",
        "每个单元格中提升度最高的编码器：超出均匀注意力最多的那一个。若按占比，窗口最大的编码器几乎处处胜出",
    ),
    share_unit: "注意力占比",
    token_share_unit: "对单个词元的注意力（概率）",
    lift_unit: "提升度（占比 ÷ 均匀占比的 log₂）",
    entropy_unit: "熵（比特）",
    normalised_entropy_unit: "归一化熵（÷ 均匀注意力的熵）",
    dominant_unit: "主导编码器：单元格中提升度最高者",
    attention_unit: "所选词元的注意力（概率）",
    less_than_uniform: "少于均匀",
    more_than_uniform: "多于均匀",
    only_large: "大图",
    only_small: "小图",
    layers: ("层", "SVA 层。C：SVA 连接器层，在语言模型之前；S：SVA 采样层，在语言模型各层之间"),
    layer: "层",
    heads: ("注意力头", "每层的注意力头"),
    head: "注意力头",
    all: "全部",
    several_tip: "点击只选这一个，拖动可选一段；按住 Ctrl 点击可增减，按住 Shift 点击可延伸",
    connector: ("连接器", "C：SVA 连接器层，在语言模型之前运行，由全部编码器生成视觉词元"),
    sampler: (
        "采样",
        "S：SVA 采样层，在语言模型各层之间运行，视觉词元在此再次关注全部编码器。数字是它所跟随的解码器层",
    ),
    connector_layer: |number, count| {
        format!("SVA 连接器层 {number}（共 {count} 层）：在语言模型之前，查询网格的每个单元格关注各编码器中自己的窗口")
    },
    sampler_layer: |after| {
        format!("解码器层 {after} 之后的 SVA 采样层：在语言模型内部，每个视觉词元再次关注各编码器中自己的窗口")
    },
    head_about: |head| format!("注意力头 {head}（从 0 数起）：SVA 层的每个注意力头各有一份总和为 1 的注意力"),
    decoder_layers: "语言模型的解码器层，从 0 数起；“全部”为平均",
    decoder_heads: "解码器层的注意力头，从 0 数起；“全部”为平均",
    reduction: "合并各层与各注意力头的方式",
    mean: ("平均", "对所选层与注意力头求平均"),
    max: ("最大", "对所选层与注意力头取最大值"),
    and: ("、", "、"),
    appearance: "外观",
    colours: "配色",
    fitting: "自动",
    grey: "灰度",
    diverging: "发散",
    opacity: "不透明度",
    scale: "颜色范围",
    scale_common: ("全部相同", "所有图使用同一范围，可以相互比较"),
    scale_own: ("各自范围", "每张图用自己的范围：颜色不能在图之间比较"),
    scale_fixed: ("固定", "改变层与注意力头时保持不变的范围；超出部分取两端的颜色"),
    from: "从",
    to: "到",
    patches: "色块",
    cells: ("单元格", "查询网格的每个单元格一个色块"),
    tokens: ("词元", "编码器的每个词元一个色块"),
    smooth: ("平滑", "在色块中心之间插值"),
    grey_photo: ("照片显示为灰度", "以免把照片本身的颜色误读为图中的颜色"),
    grid: ("查询网格", "在单元格之间画线"),
    reset: "重置视图",
    fit: ("适合", "显示整张图片"),
    all_encoders: "全部编码器",
    geometry: |tokens, window| format!("{tokens}×{tokens}，窗口 {window}×{window}"),
    input_of: "编码器输入：",
    input_tip: "显示该编码器实际得到的像素：以它自己的颜色填充成正方形，再缩放",
    back_to_maps: "返回注意力图",
    cell_at: |row, col| format!("单元格（行 {row}，列 {col}）"),
    tokens_in: |count| format!("{count} 个词元"),
    point: "指向单元格可读取数值，点击可细看。",
    numbers_awaited: "读取中",
    cell: "单元格",
    no_cell: "点击图上的单元格查看数值。",
    padding: "填充",
    masked: "已屏蔽",
    outside: "未覆盖",
};
