//! Recipes, and what a figure shows.

/// Sentences and their translations.
pub(super) const SAID: &[(&str, &str)] = &[
    ("{}: lies beside the recipe already and would be replaced", "{0}：已在配方旁边，会被覆盖"),
    ("give the recipe another name, or another folder", "请为配方换一个名称，或放到另一个文件夹"),
    (
        "give a recipe that the window exported, with the trace and the picture beside it",
        "请给出由窗口导出的配方，注意力记录和图片应在其旁边",
    ),
    (
        "give a recipe of evidence that the window exported, with the picture beside it",
        "请给出由窗口导出的证据配方，图片应在其旁边",
    ),
    ("has more than {} bytes, more than any recipe", "超过 {0} 字节，比任何配方都大"),
    ("is no JSON: {}", "不是 JSON：{0}"),
    ("has no `opabinia_recipe`: this is not a recipe", "没有 `opabinia_recipe`：这不是配方"),
    ("{}: has no `opabinia_recipe`: this is not a recipe", "{0}：没有 `opabinia_recipe`：这不是配方"),
    (
        "has no `opabinia_evidence_recipe`: this is not a recipe of evidence",
        "没有 `opabinia_evidence_recipe`：这不是证据配方",
    ),
    (
        "{}: has no `opabinia_evidence_recipe`: this is not a recipe of evidence",
        "{0}：没有 `opabinia_evidence_recipe`：这不是证据配方",
    ),
    ("was written by a later version (format {})", "由较新的版本写成（格式 {0}）"),
    ("cannot be understood: {}", "无法理解：{0}"),
    ("`picture_name` is too long or holds control characters", "`picture_name` 过长或含有控制字符"),
    ("a name in it is too long or holds control characters", "其中有名称过长或含有控制字符"),
    ("`{}` should be the name of a file beside the recipe, not `{}`", "“{0}”应为配方旁边的文件名，而不是“{1}”"),
    ("{} is another picture than the one that was measured", "{0} 不是测量时所用的图片"),
    ("there is no game `{}`", "没有博弈“{0}”"),
    ("its last turn should be a question without an answer", "最后一轮应为没有回答的问题"),
    ("holds no answer", "其中没有回答"),
    ("names a token that the answer of {} tokens has not", "提到回答的 {0} 个词元之外的词元"),
    ("the picture contradicts its own size", "图片与其自身的尺寸不符"),
    // What a figure shows.
    ("{} {} do not fit the trace, which has {}", "{0} {1} 与注意力记录不符，它有 {2} 个"),
    ("choose from 0 to {}, in order and each once", "请从 0 到 {0} 中选取，按顺序且不重复"),
    ("expected {}", "应为 {0}"),
    ("a panel's side has {} pixels", "每幅图的边长为 {0} 像素"),
    ("the opacity is {}", "不透明度为 {0}"),
    ("a number from 0 to 1", "0 到 1 之间的数"),
    ("the part that is shown is no part of the square", "所显示的部分不在正方形之内"),
    ("parts of its side, such as 0.25", "其边长的比例，如 0.25"),
    ("the colours run from {} to {}", "颜色从 {0} 到 {1}"),
    ("a lower and a higher number", "一个较小的数和一个较大的数"),
    ("asks for curves of more than {} cells or orders, or of none", "要求的曲线超过 {0} 个单元格或排序，或一个也没有"),
    ("there is no order `{}`", "没有排序“{0}”"),
];
