//! Numbers of what is selected, and what is written to files.

use crate::window::state::ExportKind;

/// What the window says about numbers and exports.
#[derive(Debug)]
pub struct InspectorTexts {
    /// Tab: the selected cell.
    pub tab_cell: &'static str,
    /// Tab: the selected token.
    pub tab_token: &'static str,
    /// Tab: the maps as a table.
    pub tab_table: &'static str,
    /// Tab: the checkpoint.
    pub tab_model: &'static str,
    /// No cell is selected.
    pub no_cell: &'static str,
    /// There are no maps.
    pub no_trace: &'static str,
    /// Row.
    pub row: &'static str,
    /// Column.
    pub column: &'static str,
    /// The padded frame; its size follows.
    pub padded_frame: &'static str,
    /// The unpadded frame; a place and its size follow.
    pub unpadded_frame: &'static str,
    /// The cell is wholly in the padding.
    pub in_padding: &'static str,
    /// Layers; a list follows.
    pub layers: &'static str,
    /// Heads; a list follows.
    pub heads: &'static str,
    /// One layer.
    pub layer: &'static str,
    /// One head.
    pub head: &'static str,
    /// Mean over; a list follows.
    pub mean_over: &'static str,
    /// Maximum over; a list follows.
    pub max_over: &'static str,
    /// Heading: encoders.
    pub encoders: &'static str,
    /// Share.
    pub share: &'static str,
    /// Lift.
    pub lift: &'static str,
    /// Entropy.
    pub entropy: &'static str,
    /// Unit: bits.
    pub bits: &'static str,
    /// Between a value and its maximum.
    pub of_at_most: &'static str,
    /// A part of that of uniform attention.
    pub of_uniform: &'static str,
    /// What the mark on a bar is.
    pub uniform_mark: &'static str,
    /// Heading: the matrix of layers and heads.
    pub matrix: &'static str,
    /// What clicking the matrix does.
    pub matrix_tip: &'static str,
    /// What the letters of layers mean.
    pub layer_letters: &'static str,
    /// Heading: keys.
    pub keys: &'static str,
    /// What a key is.
    pub keys_tip: &'static str,
    /// Order: by place.
    pub by_place: &'static str,
    /// Order: by probability.
    pub by_probability: &'static str,
    /// Probability.
    pub probability: &'static str,
    /// Not all keys are listed; their number follows.
    pub keys_cut: &'static str,
    /// Heading: what the numbers show.
    pub evidence: &'static str,
    /// Evidence of a cell's numbers and how one may be misled.
    pub sva_evidence: &'static str,
    /// No token is selected.
    pub no_token: &'static str,
    /// A token; its place follows.
    pub token: &'static str,
    /// Between a token's place and the number of tokens.
    pub of_answer: &'static str,
    /// A token's id.
    pub id: &'static str,
    /// Natural logarithm of a probability.
    pub log_probability: &'static str,
    /// A token's place among the most likely ones.
    pub rank: &'static str,
    /// Below the ranks that were kept; their number follows.
    pub below: &'static str,
    /// Heading: alternatives.
    pub alternatives: &'static str,
    /// Answer again with this token here.
    pub continue_from: &'static str,
    /// What that does.
    pub continue_tip: &'static str,
    /// The token of the answer among its alternatives, and what that is.
    pub chosen: (&'static str, &'static str),
    /// The token that a person put into the place of the model's, and what that means.
    pub forced: (&'static str, &'static str),
    /// A token that was taken over from another answer, and what that means.
    pub repeated: (&'static str, &'static str),
    /// Heading: what the token attended to.
    pub attended: &'static str,
    /// Asks for the attention of the selected token.
    pub show_attended: &'static str,
    /// What that does.
    pub show_attended_tip: &'static str,
    /// Back to the maps of the SVA.
    pub back_to_sva: &'static str,
    /// The engine is asked for a token's attention.
    pub attending: &'static str,
    /// Asks again.
    pub again: &'static str,
    /// Which layer and head of the language model; `None` is the mean of all.
    of_decoder: fn(Option<usize>, Option<usize>) -> String,
    /// Part of the prompt: visual tokens.
    pub on_visual: &'static str,
    /// Part of the prompt: newline tokens.
    pub on_newline: &'static str,
    /// Part of the prompt: text before the image.
    pub before_image: &'static str,
    /// Part of the prompt: text after the image.
    pub after_image: &'static str,
    /// What visual tokens are.
    pub on_visual_tip: &'static str,
    /// What newline tokens are.
    pub on_newline_tip: &'static str,
    /// What stands before the image.
    pub before_image_tip: &'static str,
    /// What stands after the image.
    pub after_image_tip: &'static str,
    /// Number of positions; it stands before.
    pub positions: &'static str,
    /// What uniform attention gives; a number follows.
    pub uniform: &'static str,
    /// Evidence of a token's attention and how one may be misled.
    pub token_evidence: &'static str,
    /// What the table of a token's attention shows.
    pub token_table_evidence: &'static str,
    /// The loaded checkpoint did not give this answer.
    pub other_model: &'static str,
    /// The answer is not about a picture.
    pub no_picture: &'static str,
    /// The numbers of the maps are not here.
    pub no_numbers: &'static str,
    /// Column of cells.
    pub cell: &'static str,
    /// Copies the table.
    pub copy_csv: &'static str,
    /// What that does.
    pub copy_csv_tip: &'static str,
    /// Writes the table to a file.
    pub save_csv: &'static str,
    /// Lists cells of the padding too; their number follows.
    pub list_padding: &'static str,
    /// What that does.
    pub list_padding_tip: &'static str,
    /// Column of quantities about all encoders together.
    pub all_encoders: &'static str,
    /// Heading of the table; the quantity follows.
    pub table_of: &'static str,
    /// Column of a token's attention.
    pub attention: &'static str,
    /// What the table shows.
    pub table_evidence: &'static str,
    /// No model is loaded.
    pub no_model: &'static str,
    /// A directory.
    pub directory: &'static str,
    /// Parameters.
    pub parameters: &'static str,
    /// The language model.
    pub decoder: &'static str,
    /// Width of hidden states.
    pub width: &'static str,
    /// Context length; positions follow.
    pub context: &'static str,
    /// Prompt template.
    pub template: &'static str,
    /// Vocabulary.
    pub vocabulary: &'static str,
    /// The Spatial Vision Aggregator.
    pub sva: &'static str,
    /// The query grid.
    pub query_grid: &'static str,
    /// Connector layers.
    pub connector: &'static str,
    /// Sampler layers.
    pub samplers: &'static str,
    /// Before the decoder layers that they follow.
    pub after_decoder_layers: &'static str,
    /// None.
    pub none: &'static str,
    /// Input of an encoder.
    pub input: &'static str,
    /// Tokens of an encoder.
    pub tokens: &'static str,
    /// Heading: device and memory.
    pub computing: &'static str,
    /// The device.
    pub device: &'static str,
    /// Type of the weights.
    pub weights: &'static str,
    /// Memory the model needs.
    pub memory: &'static str,
    /// Bytes of the files.
    pub on_disk: &'static str,
    /// Heading: notes.
    pub notes: &'static str,
    /// Recipes are made of one run's maps.
    pub only_recipes_of_runs: &'static str,
    /// Nothing can be exported.
    pub nothing_to_export: &'static str,
    /// The file whose path follows would be replaced, and nobody was asked.
    pub export_not_asked: &'static str,
    /// A file was written; its path follows.
    pub written: &'static str,
    /// Title of the dialog: a picture.
    pub export_picture: &'static str,
    /// Title of the dialog: numbers.
    pub export_numbers: &'static str,
    /// Title of the dialog: a trace.
    pub export_trace: &'static str,
    /// Title of the dialog: a recipe.
    pub export_recipe: &'static str,
    /// What a recipe is.
    pub recipe_note: &'static str,
    /// Choice: which encoders.
    pub panels: &'static str,
    /// How a figure is written.
    pub format: &'static str,
    /// What is special about SVG.
    pub svg_tip: &'static str,
    /// Choice: all encoders.
    pub every_encoder: &'static str,
    /// Choice: one encoder.
    pub large_map_only: &'static str,
    /// Choice: the part of the frame.
    pub part: &'static str,
    /// Choice: the padded square.
    pub part_padded: &'static str,
    /// Choice: the picture.
    pub part_picture: &'static str,
    /// Choice: as it is zoomed.
    pub part_zoomed: &'static str,
    /// Choice: pixels.
    pub side: &'static str,
    /// Before the field for another width.
    pub other_side: &'static str,
    /// What the field for another width is for.
    pub other_side_tip: &'static str,
    /// Choice: colours around the maps.
    pub ground: &'static str,
    /// Choice: light.
    pub ground_light: &'static str,
    /// Choice: dark.
    pub ground_dark: &'static str,
    /// Asks for the file.
    pub choose_file: &'static str,
}

impl InspectorTexts {
    /// Which layer and head of the language model a token's attention is of; `None` is the mean of all.
    pub fn of_decoder(&self, layer: Option<usize>, head: Option<usize>) -> String {
        (self.of_decoder)(layer, head)
    }

    /// The title of the dialogs about writing `kind`.
    pub fn export_title(&self, kind: ExportKind) -> &'static str {
        match kind {
            ExportKind::Picture => self.export_picture,
            ExportKind::Numbers => self.export_numbers,
            ExportKind::Trace => self.export_trace,
            ExportKind::Recipe => self.export_recipe,
        }
    }
}

pub(super) const ENGLISH: InspectorTexts = InspectorTexts {
    tab_cell: "Cell",
    tab_token: "Token",
    tab_table: "Table",
    tab_model: "Model",
    no_cell: "Click a cell of the map, and its numbers appear here.",
    no_trace: "There are no maps yet. Ask about a picture first.",
    row: "row",
    column: "column",
    padded_frame: "padded frame",
    unpadded_frame: "unpadded frame",
    in_padding: "Padding. The picture does not reach this cell. The reference un-masks such cells, so the model attends here all the same, but the numbers say nothing about the picture. They are left out of every average.",
    layers: "layers",
    heads: "heads",
    layer: "layer",
    head: "head",
    mean_over: "Mean over",
    max_over: "Maximum over",
    encoders: "Encoders",
    share: "share",
    lift: "lift",
    entropy: "Entropy",
    bits: "bits",
    of_at_most: "of at most",
    of_uniform: "of that of uniform attention",
    uniform_mark: "The line on each bar is the share that uniform attention would give.",
    matrix: "Layers × heads",
    matrix_tip: "Click to look at one layer and head",
    layer_letters: "C: SVA connector layers, before the language model. S: SVA sampler layers, between its layers.",
    keys: "Keys of this cell",
    keys_tip: "A key is one token of one encoder in this cell's window.",
    by_place: "By position",
    by_probability: "By probability",
    probability: "probability",
    keys_cut: "Only the first keys are listed. In all:",
    evidence: "What this shows",
    sva_evidence: "Evidence: attention (correlational): where the model attended, not how much it contributed. The SVA ran before the question: these numbers are the same for every question about this picture; those of sampler layers also depend on the system prompt before it. Encoders with more keys have a larger share even under uniform attention: compare lift. A token is not a patch: some encoders' features were resampled to their grid before.",
    no_token: "Click a token of an answer, and its numbers appear here.",
    token: "Token",
    of_answer: "of",
    id: "Token ID",
    log_probability: "log-probability",
    rank: "rank",
    below: "below",
    alternatives: "Alternatives",
    continue_from: "Continue",
    continue_tip: "Regenerate from here with this token, in a branch beside this answer",
    chosen: ("Chosen", "The token that stands in the answer"),
    forced: ("Forced", "put here by you, not chosen by the model, which went on from it"),
    repeated: ("Repeated", "taken over from the answer that this one branched off from, not chosen anew"),
    attended: "What it attended to",
    show_attended: "Show what it attended to",
    show_attended_tip: "Compute where the language model attended when it chose this token; the maps show it",
    back_to_sva: "Back to the SVA's maps",
    attending: "Computing the attention of this token…",
    again: "Try again",
    of_decoder: |layer, head| match (layer, head) {
        (None, None) => "mean of all decoder layers and heads".to_owned(),
        (Some(layer), None) => format!("decoder layer {layer} · mean of all heads"),
        (None, Some(head)) => format!("mean of all decoder layers · head {head}"),
        (Some(layer), Some(head)) => format!("decoder layer {layer} · head {head}"),
    },
    on_visual: "Visual tokens",
    on_newline: "Newline tokens",
    before_image: "Text before",
    after_image: "Text after",
    on_visual_tip: "Visual tokens of the unpadded frame",
    on_newline_tip: "Newline tokens, one after each row of visual tokens",
    before_image_tip: "System prompt before the image, with the first position, which many heads attend to when they have nothing to read",
    after_image_tip: "The question and the answer so far, with the attending position itself",
    positions: "positions",
    uniform: "uniform",
    token_evidence: "Evidence: attention (correlational): where the language model attended when it chose this token, not how much it contributed: only an intervention shows that. Unlike the SVA's maps it depends on the question and on the answer so far. A visual token has mixed with others in every layer below: it is no longer one patch.",
    token_table_evidence: "Evidence: attention of the selected token (correlational); depends on the question.",
    other_model: "This answer came from another checkpoint than the one that answers now. Change to that one, or ask again.",
    no_picture: "This answer is not about a picture.",
    no_numbers: "The numbers come once the maps have been drawn.",
    cell: "cell",
    copy_csv: "Copy as CSV",
    copy_csv_tip: "Put all rows on the clipboard as comma-separated values",
    save_csv: "Save…",
    list_padding: "List padding",
    list_padding_tip: "Padding is left out of the list: it has no values. Files and copies have all rows",
    all_encoders: "all encoders",
    table_of: "Values of the maps:",
    attention: "attention",
    table_evidence: "Evidence: attention (correlational). Exactly the numbers the colours are made from. Padding has none.",
    no_model: "No checkpoint is loaded.",
    directory: "Directory",
    parameters: "Parameters",
    decoder: "Language model",
    width: "width",
    context: "Context",
    template: "Template",
    vocabulary: "Vocabulary",
    sva: "Spatial Vision Aggregator",
    query_grid: "Query grid",
    connector: "Connector layers",
    samplers: "Sampler layers",
    after_decoder_layers: "after decoder layers",
    none: "none",
    input: "Input",
    tokens: "Tokens",
    computing: "Computing",
    device: "Device",
    weights: "Weights",
    memory: "Memory needed",
    on_disk: "On disk",
    notes: "Notes",
    only_recipes_of_runs: "Recipes are made of the SVA's maps of a run, and of the difference of two where it can be taken place by place. These maps can be exported as a figure and as numbers.",
    nothing_to_export: "There is nothing to write: no maps are on the screen.",
    export_not_asked: "Nothing was written. This file is there already; to replace it, give its whole name:",
    written: "Written:",
    export_picture: "Export the maps as a figure",
    export_numbers: "Export the numbers as CSV",
    export_trace: "Export the trace",
    export_recipe: "Export a recipe",
    recipe_note: "The trace and the picture are written beside the recipe. `opabinia render --recipe FILE -o P.png` makes the same figure again.",
    panels: "Panels",
    format: "Format",
    svg_tip: "Text stays text, and lines stay sharp at any size; maps are pictures inside of it",
    every_encoder: "Every encoder",
    large_map_only: "The large map alone",
    part: "Frame",
    part_padded: "Padded square",
    part_picture: "Picture alone",
    part_zoomed: "As zoomed",
    side: "Width of a panel",
    other_side: "or",
    other_side_tip: "Any other width: drag, or click to type it",
    ground: "Colours",
    ground_light: "Light, for paper",
    ground_dark: "Dark, for screens",
    choose_file: "Choose a file…",
};

pub(super) const CHINESE: InspectorTexts = InspectorTexts {
    tab_cell: "单元格",
    tab_token: "词元",
    tab_table: "表格",
    tab_model: "模型",
    no_cell: "点击图上的一个单元格，这里会显示它的数值。",
    no_trace: "还没有注意力图。请先就一张图片提问。",
    row: "行",
    column: "列",
    padded_frame: "填充后的网格",
    unpadded_frame: "去填充后的网格",
    in_padding: "填充区。图片没有覆盖这个单元格。参考实现会取消此类单元格的掩码，模型在这里仍然计算注意力，但数值与图片无关，不计入任何平均。",
    layers: "层",
    heads: "注意力头",
    layer: "层",
    head: "注意力头",
    mean_over: "平均范围：",
    max_over: "最大值范围：",
    encoders: "编码器",
    share: "占比",
    lift: "提升度",
    entropy: "熵",
    bits: "比特",
    of_at_most: "/ 上限",
    of_uniform: "（相对均匀注意力）",
    uniform_mark: "条形上的竖线表示均匀注意力下的占比。",
    matrix: "层 × 注意力头",
    matrix_tip: "点击查看单个层与注意力头",
    layer_letters: "C：SVA 连接器层，在语言模型之前。S：SVA 采样层，在语言模型各层之间。",
    keys: "该单元格的键",
    keys_tip: "键是某个编码器在该单元格窗口内的一个词元。",
    by_place: "按位置",
    by_probability: "按概率",
    probability: "概率",
    keys_cut: "仅列出前面的键。总数：",
    evidence: "这说明什么",
    sva_evidence: "证据：注意力（相关性）：表示模型关注了哪里，不代表其贡献。SVA 在问题之前运行：同一图片的任何问题都得到相同的数值；采样层还取决于图片之前的系统提示。键多的编码器即使在均匀注意力下占比也更大：请比较提升度。词元不等于图块：部分编码器的特征事先经过重采样。",
    no_token: "点击回答中的一个词元，这里会显示它的数值。",
    token: "词元",
    of_answer: "/",
    id: "词元 ID",
    log_probability: "对数概率",
    rank: "排名",
    below: "低于",
    alternatives: "备选词元",
    continue_from: "续写",
    continue_tip: "从此处改用这个词元重新生成，作为并列的分支",
    chosen: ("已选", "回答中的词元"),
    forced: ("指定", "由你在此处指定，并非模型所选；模型从它继续"),
    repeated: ("沿用", "沿用自此分支之前的回答，并未重新选择"),
    attended: "它关注了什么",
    show_attended: "显示它关注了什么",
    show_attended_tip: "计算语言模型选择该词元时关注了哪里；注意力图会随之切换",
    back_to_sva: "返回 SVA 注意力图",
    attending: "正在计算该词元的注意力…",
    again: "重试",
    of_decoder: |layer, head| match (layer, head) {
        (None, None) => "全部解码器层与注意力头的平均".to_owned(),
        (Some(layer), None) => format!("解码器层 {layer} · 全部注意力头的平均"),
        (None, Some(head)) => format!("全部解码器层的平均 · 注意力头 {head}"),
        (Some(layer), Some(head)) => format!("解码器层 {layer} · 注意力头 {head}"),
    },
    on_visual: "视觉词元",
    on_newline: "换行词元",
    before_image: "图前文本",
    after_image: "图后文本",
    on_visual_tip: "去填充网格的视觉词元",
    on_newline_tip: "每行视觉词元之后的换行词元",
    before_image_tip: "图片之前的系统提示，含首个位置；许多注意力头无内容可读时会关注首位",
    after_image_tip: "问题与已生成的回答，含当前位置自身",
    positions: "个位置",
    uniform: "均匀",
    token_evidence: "证据：注意力（相关性）：表示语言模型选择该词元时关注了哪里，不代表其贡献：只有干预才能说明。与 SVA 图不同，它取决于问题和已生成的回答。视觉词元在更低的每一层都与其他词元混合，已不再对应单个图块。",
    token_table_evidence: "证据：所选词元的注意力（相关性）；取决于问题。",
    other_model: "此回答来自另一个检查点，而非当前负责回答的检查点。请切换到那个检查点，或重新提问。",
    no_picture: "此回答与图片无关。",
    no_numbers: "注意力图绘制后即可显示数值。",
    cell: "单元格",
    copy_csv: "复制为 CSV",
    copy_csv_tip: "把所有行以逗号分隔值放入剪贴板",
    save_csv: "保存…",
    list_padding: "列出填充",
    list_padding_tip: "列表略去填充，那里没有数值；文件与复制的内容包含所有行",
    all_encoders: "全部编码器",
    table_of: "注意力图数值：",
    attention: "注意力",
    table_evidence: "证据：注意力（相关性）。与着色所用数值完全一致。填充处没有数值。",
    no_model: "尚未加载检查点。",
    directory: "目录",
    parameters: "参数量",
    decoder: "语言模型",
    width: "宽度",
    context: "上下文",
    template: "提示模板",
    vocabulary: "词表",
    sva: "空间视觉聚合器（SVA）",
    query_grid: "查询网格",
    connector: "SVA 连接器层",
    samplers: "SVA 采样层",
    after_decoder_layers: "解码器层之后：",
    none: "无",
    input: "输入",
    tokens: "词元",
    computing: "计算",
    device: "设备",
    weights: "权重",
    memory: "所需内存",
    on_disk: "磁盘占用",
    notes: "说明",
    only_recipes_of_runs: "配方适用于单次运行的 SVA 注意力图，以及可以逐位置相减的两次运行的差值图。当前的图可以导出为图片和数值。",
    nothing_to_export: "没有可写出的内容：屏幕上没有注意力图。",
    export_not_asked: "没有写入。此文件已存在；若要替换它，请输入完整的文件名：",
    written: "已写入：",
    export_picture: "将注意力图导出为图",
    export_numbers: "导出数值（CSV）",
    export_trace: "导出注意力记录",
    export_recipe: "导出配方",
    recipe_note: "注意力记录与图片会写在配方旁边。运行 `opabinia render --recipe FILE -o P.png` 可重现同一张图。",
    panels: "面板",
    format: "格式",
    svg_tip: "文字仍是文字，线条在任何大小下都清晰；注意力图作为图片嵌入",
    every_encoder: "每个编码器",
    large_map_only: "仅大图",
    part: "范围",
    part_padded: "填充后的正方形",
    part_picture: "仅图片",
    part_zoomed: "当前缩放",
    side: "面板宽度",
    other_side: "或",
    other_side_tip: "任意宽度：拖动，或点击后输入",
    ground: "配色",
    ground_light: "浅色（适合论文）",
    ground_dark: "深色（适合屏幕）",
    choose_file: "选择文件…",
};
