//! Files of traces.

/// Sentences and their translations.
pub(super) const SAID: &[(&str, &str)] = &[
    (
        "give a file that `opabinia trace` wrote, whole and unchanged",
        "请给出由 `opabinia trace` 写成、完整且未改动的文件",
    ),
    ("{}: cannot be read: {}", "{0}：无法读取：{1}"),
    ("cannot be read: {}", "无法读取：{0}"),
    ("`{}` cannot be read: {}", "无法读取“{0}”：{1}"),
    ("is not a file", "不是文件"),
    ("has {} bytes, more than any trace", "有 {0} 字节，超过任何注意力记录"),
    ("is not a safetensors file: {}", "不是 safetensors 文件：{0}"),
    ("has no `{}` in its metadata: this is not a trace", "元数据中没有“{0}”：这不是注意力记录"),
    ("{}: has no `{}` in its metadata: this is not a trace", "{0}：元数据中没有“{1}”：这不是注意力记录"),
    ("a later", "较新"),
    ("an earlier", "较旧"),
    ("{}: was written by {} version of the program (format {})", "{0}：由{1}版本的程序写成（格式 {2}）"),
    (
        "{}: was recorded without a picture: it holds logits and ids, but no maps",
        "{0}：记录时没有图片：其中有 logits 和词元 ID，但没有注意力图",
    ),
    ("describes no picture or no encoder", "没有描述图片或编码器"),
    (
        "{}: holds no SVA layer: all of them were skipped, so there are no maps",
        "{0}：其中没有 SVA 层：全部被跳过，因此没有注意力图",
    ),
    ("record one in which at least one SVA layer runs", "请记录至少运行一个 SVA 层的注意力记录"),
    ("describes more than {} encoders", "描述了超过 {0} 个编码器"),
    (
        "describes {} SVA layers over {} × {} cells, which no model has",
        "描述了 {1} × {2} 个单元格上的 {0} 个 SVA 层，没有这样的模型",
    ),
    ("`{}` is no SVA layer", "“{0}”不是 SVA 层"),
    ("{} was not recorded", "没有记录 {0}"),
    ("`{}` has a name longer than {} bytes: {}…", "“{0}”中有一个名称超过 {1} 字节：{2}…"),
    ("`{}` has a layer `{}` that its model has not", "“{0}”中有其模型没有的层“{1}”"),
    ("`{}` speaks of an intervention that its model does not allow: {}", "“{0}”提到其模型不允许的干预：{1}"),
    (
        "`{}` names a swapped-in picture without swapping, or swaps without one",
        "“{0}”提到换入的图片而没有换入，或换入而没有提到图片",
    ),
    ("is damaged: {}", "已损坏：{0}"),
    (
        "{} is another picture than the one the trace was made from: the size is the same, the pixels are not",
        "{0} 不是该注意力记录所用的图片：尺寸相同，像素不同",
    ),
    (
        "{} has {} × {} pixels, but the trace was made from a picture of {} × {}",
        "{0} 有 {1} × {2} 个像素，而该注意力记录所用的图片为 {3} × {4}",
    ),
    ("as it is stored, without --exif", "按存储的方向（不用 --exif）"),
    ("turned by its EXIF data, with --exif", "按 EXIF 数据旋转（用 --exif）"),
    (
        "give the picture the trace was made from, unchanged; it was read {}",
        "请给出该注意力记录所用、未改动的图片；当时的读取方式：{0}",
    ),
    ("`{}` lies outside its own grid", "“{0}”超出其自身的网格"),
    ("the token grid of `{}` does not fit the cells of `{}`", "“{0}”的词元网格与“{1}”的单元格不符"),
    ("`{}` is missing", "缺少“{0}”"),
    ("`{}` should be {} {}, but is {} {}", "“{0}”应为 {1} {2}，实为 {3} {4}"),
    ("`sva.{}.probs` holds values that are no probabilities", "`sva.{0}.probs` 中有不是概率的值"),
    ("a SHA-256 has 64 hexadecimal digits", "SHA-256 有 64 个十六进制数字"),
];
