//! What the engine says, in Chinese.
//!
//! The engine speaks English: its sentences are read in terminals, in files and in reports of faults. Here each stands
//! with its translation, in which `{0}`, `{1}`, … are what stood in the place of its first, second, … `{}`; that is
//! translated too, where it is a sentence of the list. A sentence that is not here is shown as it is.

use super::said_of_sets;

/// `text` in Chinese, line by line.
pub(super) fn chinese(text: &str) -> String {
    text.lines().map(line).collect::<Vec<_>>().join("\n")
}

/// A line without what indents or lists it.
fn line(text: &str) -> String {
    let rest = text.trim_start();
    let rest = rest.strip_prefix("- ").unwrap_or(rest);
    let before = &text[..text.len() - rest.len()];
    format!("{before}{}", sentence(rest, 0))
}

/// Sentences stand in others no deeper than this.
const DEEPEST: usize = 4;

fn sentence(text: &str, depth: usize) -> String {
    if depth == DEEPEST {
        return text.to_owned();
    }
    let known = all().filter_map(|(english, chinese)| Some((english, chinese, holes(english, text)?)));
    // The one that knows most of it.
    let best = known.max_by_key(|(english, ..)| english.replace("{}", "").len());
    let Some((_, chinese, found)) = best else { return text.to_owned() };
    let parts: Vec<String> = found.iter().map(|part| sentence(part, depth + 1)).collect();
    // What only joins others is translated with one of them.
    if !chinese.chars().any(char::is_alphabetic) && !found.is_empty() && parts == found {
        return text.to_owned();
    }
    // Piece by piece: what stood there may itself hold braces.
    let mut out = String::new();
    let mut rest = *chinese;
    while let Some((before, after)) = rest.split_once('{') {
        let (at, after) = after.split_once('}').unwrap_or((after, ""));
        out += before;
        out += at.parse().ok().and_then(|at: usize| parts.get(at)).map_or("", String::as_str);
        rest = after;
    }
    out + rest
}

/// Every sentence with its translation.
fn all() -> impl Iterator<Item = &'static (&'static str, &'static str)> {
    SAID.iter().chain(said_of_sets::SAID)
}

/// What stands in `text` where `template` has `{}`; `None` where it is another sentence.
fn holes<'t>(template: &str, text: &'t str) -> Option<Vec<&'t str>> {
    let mut parts = template.split("{}");
    let mut rest = text.strip_prefix(parts.next()?)?;
    let mut parts: Vec<&str> = parts.collect();
    let Some(last) = parts.pop() else { return rest.is_empty().then(Vec::new) };
    let mut found = Vec::new();
    for part in parts {
        let (hole, after) = rest.split_once(part)?;
        found.push(hole);
        rest = after;
    }
    found.push(rest.strip_suffix(last)?);
    // What a person is told about is never nothing.
    found.iter().all(|hole| !hole.is_empty()).then_some(found)
}

/// Sentences and their translations.
const SAID: &[(&str, &str)] = &[
    // What stands around others.
    ("{}: {}", "{0}：{1}"),
    ("{}; {}", "{0}；{1}"),
    ("{} (found {})", "{0}（实为 {1}）"),
    ("and {} more", "还有 {0} 个"),
    // The system.
    ("No such file or directory (os error 2)", "没有此文件或目录"),
    ("Permission denied (os error 13)", "没有权限"),
    ("No space left on device (os error 28)", "磁盘空间不足"),
    ("Read-only file system (os error 30)", "文件系统只读"),
    ("Is a directory (os error 21)", "这是一个目录"),
    ("Not a directory (os error 20)", "这不是目录"),
    ("Input/output error (os error 5)", "读写错误"),
    // Files that are to be written.
    ("{}: cannot be written: {}", "{0}：无法写入：{1}"),
    ("make room, or write somewhere else", "请腾出空间，或写到别处"),
    (
        "make room, or write somewhere else; what was there before is unchanged",
        "请腾出空间，或写到别处；原有内容未改变",
    ),
    ("start what reads from it, or give the name of a file", "请先启动读取它的程序，或给出文件名"),
    ("check the path and its permissions, or write somewhere else", "请检查路径及其权限，或写到别处"),
    ("it would be a new file in the input {}", "它会成为输入 {0} 中的新文件"),
    ("write to another directory", "请写到另一个目录"),
    ("it would replace the input {}, or a part of it", "它会覆盖输入 {0} 或其一部分"),
    ("give another name", "请换一个名称"),
    ("{} takes no new file, and nothing is written in place: {}", "{0} 中不能新建文件，而程序不会原地改写：{1}"),
    ("write somewhere else", "请写到别处"),
    ("give the name of a file", "请给出文件名"),
    ("this is a directory", "这是一个目录"),
    (
        "it has {} names (hard links), which would part if it were replaced in one place",
        "它有 {0} 个名称（硬链接），只替换其中一处会使它们分离",
    ),
    ("give another name, or remove this one first", "请换一个名称，或先删除它"),
    ("it is a link to {}, which does not exist", "它是指向 {0} 的链接，而目标不存在"),
    ("it is a link to {}, which leads nowhere: {}", "它是指向 {0} 的链接，而目标无效：{1}"),
    ("remove the link, or give the name of what it should lead to", "请删除该链接，或给出它应指向的名称"),
    ("there is no directory {}", "没有目录 {0}"),
    ("make the directory first, or write somewhere else", "请先建立该目录，或写到别处"),
    ("this names a directory, and there is none", "这是一个目录名，而该目录不存在"),
    ("this is {}, not a file", "这是{0}，不是文件"),
    ("a disk or a part of one", "磁盘或分区"),
    ("the new file cannot take the place of {}: {}; it was kept as {}", "新文件无法取代 {0}：{1}；已保存为 {2}"),
    ("it is complete: give it another name, or copy it there", "它是完整的：请为它改名，或复制过去"),
    ("nobody reads from this pipe", "没有程序从此管道读取"),
    (
        "it is another user's, and in this directory only its owner may replace it (as in /tmp)",
        "它属于另一用户，而此目录中的文件只有其所有者可以替换（如 /tmp）",
    ),
    (
        "it is mounted from somewhere else (as files are into containers), and can be written but not replaced",
        "它是从别处挂载的（如容器中的文件），可以写入但不能替换",
    ),
    ("write to another name, and copy it there", "请写到另一个名称，再复制过去"),
    // Pictures.
    ("{}: this picture cannot be read: {}", "{0}：无法读取此图片：{1}"),
    ("check the path and its permissions", "请检查路径及其权限"),
    ("{}: this is not a file", "{0}：这不是文件"),
    ("give the path of a picture file", "请给出图片文件的路径"),
    ("{}: the file is empty (0 bytes)", "{0}：文件为空（0 字节）"),
    (
        "{}: this is not a picture in a format the program reads ({} bytes)",
        "{0}：这不是程序能读取的图片格式（{1} 字节）",
    ),
    ("copy or download the picture again", "请重新复制或下载该图片"),
    ("use a PNG, JPEG, WebP, GIF, BMP or TIFF file", "请使用 PNG、JPEG、WebP、GIF、BMP 或 TIFF 文件"),
    ("{}: the file has {} bytes; at most {} are read", "{0}：文件有 {1} 字节，最多读取 {2} 字节"),
    ("save the picture in a smaller size or a compressed format", "请把图片存成更小的尺寸或压缩格式"),
    ("{}: this picture cannot be decoded: as a {} file, {}", "{0}：无法解码此图片：作为 {1} 文件，{2}"),
    (
        "the file is damaged or cut short: copy or download it again, or save it anew with an image editor",
        "文件已损坏或不完整：请重新复制或下载，或用图像编辑器重新保存",
    ),
    ("{}: this is {}, which the program does not read", "{0}：这是{1}，程序不读取这种图片"),
    (
        "save it as PNG, or as JPEG with 8 bits per channel, with an image editor",
        "请用图像编辑器存成 PNG，或每通道 8 位的 JPEG",
    ),
    ("{}: the picture is too large: {}", "{0}：图片过大：{1}"),
    ("make it smaller with an image editor", "请用图像编辑器缩小"),
    ("it says it has {} × {} pixels", "它声称有 {0} × {1} 个像素"),
    ("its header says it has {} × {} pixels", "其文件头声称有 {0} × {1} 个像素"),
    ("it says it has {} × {} pixels; at most {} are read", "它声称有 {0} × {1} 个像素，最多读取 {2} 个"),
    ("decoding it would take more than {} bytes", "解码需要超过 {0} 字节"),
    ("decoding it would take too much memory", "解码需要过多内存"),
    ("it is cut short", "它不完整"),
    ("it is cut short: {}", "它不完整：{0}"),
    ("it ends at byte {}", "在第 {0} 字节处中断"),
    ("a segment at byte {} is not whole", "第 {0} 字节处的数据段不完整"),
    ("its header is not whole", "文件头不完整"),
    ("its palette is not whole", "调色板不完整"),
    ("its directory needs byte {}", "其目录需要第 {0} 字节"),
    ("strip or tile {} lies outside the file", "第 {0} 个条带或图块在文件之外"),
    ("strip or tile {} holds {} bytes; {} were expected", "第 {0} 个条带或图块有 {1} 字节，应为 {2} 字节"),
    ("{} rows of {} bytes were expected", "应有 {0} 行，每行 {1} 字节"),
    ("the checksum of chunk {} is wrong", "数据块 {0} 的校验和错误"),
    ("its size overflows", "其尺寸溢出"),
    ("it has no picture", "其中没有图像"),
    ("its first frame has no pixels", "第一帧没有像素"),
    ("its data are damaged", "数据已损坏"),
    ("it does not begin with its marker", "它不以应有的标记开头"),
    ("its frame header is damaged", "帧头已损坏"),
    ("it has no frame header", "没有帧头"),
    ("it has two frame headers", "有两个帧头"),
    ("a scan comes before the frame header", "扫描出现在帧头之前"),
    ("a scan header is damaged", "扫描头已损坏"),
    ("a Huffman table is missing", "缺少哈夫曼表"),
    ("a Huffman table is not whole", "哈夫曼表不完整"),
    ("a Huffman table has more codes than fit", "哈夫曼表的编码过多"),
    ("a quantisation table is missing", "缺少量化表"),
    ("a quantisation table is not whole", "量化表不完整"),
    ("it has an unknown marker ({})", "有未知标记（{0}）"),
    ("it has a reserved marker", "有保留标记"),
    ("its CCITT-compressed data are damaged", "CCITT 压缩数据已损坏"),
    ("its PackBits-compressed data are cut short", "PackBits 压缩数据不完整"),
    ("its LZW-compressed data are damaged: {}", "LZW 压缩数据已损坏：{0}"),
    ("its deflate-compressed data are damaged: {}", "deflate 压缩数据已损坏：{0}"),
    ("it does not begin with a TIFF header", "它不以 TIFF 文件头开头"),
    ("its directory says it has {} entries, which the file cannot hold", "其目录声称有 {0} 项，文件容纳不下"),
    ("it has field {} twice", "字段 {0} 出现两次"),
    ("field {} lies outside the file", "字段 {0} 在文件之外"),
    ("field {} lies outside the file ({} values)", "字段 {0} 在文件之外（{1} 个值）"),
    ("it has no palette", "没有调色板"),
    ("a strip or tile is too short", "某个条带或图块过短"),
    ("its run lengths are cut short", "游程数据不完整"),
    ("{} file", "{0} 文件"),
    ("a JPEG file with {} bits per sample", "每个样本 {0} 位的 JPEG 文件"),
    ("a JPEG file with {} colour channels", "有 {0} 个颜色通道的 JPEG 文件"),
    (
        "a JPEG file with colour channels of sizes that do not divide the picture's",
        "颜色通道尺寸不能整除图片尺寸的 JPEG 文件",
    ),
    ("a JPEG file with more than {} scans", "扫描超过 {0} 次的 JPEG 文件"),
    ("a lossless JPEG file", "无损 JPEG 文件"),
    ("a hierarchical JPEG file", "分层 JPEG 文件"),
    ("a BMP file with {} bits per pixel", "每像素 {0} 位的 BMP 文件"),
    ("a BMP file with compression {}", "压缩方式为 {0} 的 BMP 文件"),
    ("a BMP file with a header of {} bytes", "文件头为 {0} 字节的 BMP 文件"),
    ("a PNG file as made for iPhones (CgBI)", "iPhone 专用的 PNG 文件（CgBI）"),
    ("a TIFF file with {} compression", "采用 {0} 压缩的 TIFF 文件"),
    ("a TIFF file with {} bits per sample", "每个样本 {0} 位的 TIFF 文件"),
    ("a TIFF file with {} samples per pixel", "每像素 {0} 个样本的 TIFF 文件"),
    ("a TIFF file with samples of different sizes", "样本位数不一的 TIFF 文件"),
    ("a TIFF file with old-style LZW compression", "采用旧式 LZW 压缩的 TIFF 文件"),
    ("a TIFF file with signed or floating-point colours", "颜色为有符号数或浮点数的 TIFF 文件"),
    ("a big-endian BigTIFF file", "大端 BigTIFF 文件"),
    ("an uncompressed YCbCr TIFF file", "未压缩的 YCbCr TIFF 文件"),
    ("a HEIC", "HEIC"),
    ("an AVIF", "AVIF"),
    ("an SVG", "SVG"),
    ("a PDF", "PDF"),
    ("a JPEG XL", "JPEG XL"),
    ("a JPEG 2000", "JPEG 2000"),
    ("a JPEG XR", "JPEG XR"),
    ("a Photoshop", "Photoshop"),
    ("a PostScript", "PostScript"),
    ("an icon (ICO)", "图标（ICO）"),
    ("an icon (ICNS)", "图标（ICNS）"),
    ("an OpenEXR", "OpenEXR"),
    ("a Radiance HDR", "Radiance HDR"),
    ("a camera's raw", "相机原始图像"),
    ("a video (MP4)", "视频（MP4）"),
    ("a portable map (PBM, PGM, PPM or PFM)", "PBM、PGM、PPM 或 PFM"),
    (
        "the picture is {} × {} pixels: its sides differ by more than {} to 1, so nothing of it would be left on this \
         model's {} query grid",
        "图片为 {0} × {1} 像素：边长之比超过 {2}，在此模型 {3} 的查询网格上不会留下任何内容",
    ),
    ("crop it to the part the question is about", "请裁剪到问题所问的部分"),
    // Questions.
    ("there is no question", "没有问题"),
    ("the question is empty", "问题为空"),
    ("ask something", "请提一个问题"),
    ("the prompt is empty", "提示为空"),
    ("the conversation takes {} positions, and this model can see {}", "对话占 {0} 个位置，而此模型最多看到 {1} 个"),
    ("shorten the question, or start a new conversation about the image", "请缩短问题，或就该图片开始新的对话"),
    ("prompt and answer take {} positions, and this model has {}", "提示与回答共占 {0} 个位置，而此模型有 {1} 个"),
    ("take fewer tokens of the answer", "请减少回答的词元"),
    ("no answer of this model holds token {}: it knows {} tokens", "此模型的回答不会有词元 {0}：它只有 {1} 个词元"),
    ("take the tokens from an answer of the same model", "请从同一模型的回答中取词元"),
    ("take the answer from the same model", "请使用同一模型的回答"),
    ("temperature {} cannot be used", "不能使用温度 {0}"),
    ("use 0 for the most likely token, or a number up to about 2", "0 表示最可能的词元，否则请用不超过 2 左右的数"),
    ("top-p must lie above 0 and at most at 1", "top-p 必须大于 0 且不超过 1"),
    ("top-k must be at least 1", "top-k 至少为 1"),
    ("leave it out to allow every token", "不设置则允许所有词元"),
    ("{}: the text cannot be tokenised: {}", "{0}：文本无法切分为词元：{1}"),
    ("change the question", "请修改问题"),
    ("the question is about no picture, so no token attended to one", "问题不针对图片，因此没有词元关注图片"),
    ("attach a picture and ask again", "请添加图片后重新提问"),
    ("the question is about no picture, so there is nothing to intervene in", "问题不针对图片，因此没有可干预之处"),
    ("attach a picture, or leave the intervention out", "请添加图片，或去掉干预"),
    ("the question is about no image", "问题不针对图片"),
    ("the prompt has a place for an image, but there is none", "提示中有图片的位置，但没有图片"),
    ("attach one", "请添加一张"),
    ("model {} is not loaded, or not any more", "模型 {0} 未载入或已卸载"),
    ("open its checkpoint first", "请先打开它的检查点"),
    ("there is no answer to measure", "没有可测量的回答"),
    ("ask for one token at least, or give an answer", "请至少生成一个词元，或给出一个回答"),
    ("there is no answer to score", "没有可评分的回答"),
    (
        "the question takes {} positions and the answer {}, and this model can see {}",
        "问题占 {0} 个位置，回答占 {1} 个，而此模型最多看到 {2} 个",
    ),
    (
        "the question takes {} positions and the answer up to {}, and this model can see {}",
        "问题占 {0} 个位置，回答最多占 {1} 个，而此模型最多看到 {2} 个",
    ),
    ("the numbers inside this model grow beyond the range of {}", "此模型内部的数值超出 {0} 的范围"),
    (
        "the numbers inside this model grow beyond the range of its type under this intervention",
        "在此干预下，模型内部的数值超出其类型的范围",
    ),
    ("a probability for every token", "每个词元都有概率"),
    // Interventions.
    ("features are to be swapped, but there is no other image", "要换入另一张图片的特征，但没有另一张图片"),
    (
        "every encoder is masked in layer {}: no cell would have a key left to attend to",
        "层 {0} 中所有编码器都被遮蔽：没有单元格还有可关注的键",
    ),
    (
        "leave one of {} unmasked, or replace features instead (zero, mean, swap); without any image it is no_image",
        "请在 {0} 中至少保留一个，或改为替换特征（zero、mean、swap）；完全不用图片时用 no_image",
    ),
    ("the region has no cells", "该区域没有单元格"),
    ("there is no layer `{}`", "没有层“{0}”"),
    ("there is no head {}", "没有注意力头 {0}"),
    ("the heads of every SVA layer are 0 to {}", "每个 SVA 层的注意力头为 0 到 {0}"),
    ("there is no cell {}", "没有单元格 {0}"),
    ("there is no encoder `{}`", "没有编码器“{0}”"),
    ("there is no encoder {}", "没有编码器 {0}"),
    ("free memory, or measure with interventions instead", "请释放内存，或改用干预来测量"),
    ("the gradient through {} positions takes {}, and {} are available", "经过 {0} 个位置的梯度需要 {1}，可用 {2}"),
    ("no gradients: {}", "没有梯度：{0}"),
    // Memory and devices.
    ("keys and values of {} positions take {}, and {} are available", "{0} 个位置的键和值需要 {1}，可用 {2}"),
    ("the checkpoint needs {}, and {} are available", "该检查点需要 {0}，可用 {1}"),
    (
        "the checkpoint needs {}, and {} are available of the {} this process may have (ulimit {})",
        "该检查点需要 {0}，可用 {1}；此进程最多可用 {2}（ulimit {3}）",
    ),
    (
        "it takes at least {}: close other programs, or open a smaller checkpoint",
        "至少需要 {0}：请关闭其他程序，或打开更小的检查点",
    ),
    ("{}; this process is limited to {} MB and has {} MB", "{0}；此进程限用 {1} MB，已用 {2} MB"),
    ("{} cannot be read", "无法读取 {0}"),
    ("{} takes {} MB to be mapped", "映射 {0} 需要 {1} MB"),
    ("{} bytes for the weight `{}`", "权重“{1}”需要 {0} 字节"),
    ("device {} cannot be used: {}", "无法使用设备 {0}：{1}"),
    // Finding a checkpoint.
    ("no such directory", "没有此目录"),
    (
        "give the directory of a checkpoint, or the id of a repository in the hub cache, organisation/name",
        "请给出检查点的目录，或 Hugging Face 缓存中仓库的名称（组织/名称）",
    ),
    ("no such directory, and no such repository in the hub cache", "没有此目录，Hugging Face 缓存中也没有此仓库"),
    ("the weights of a vision encoder were not found", "未找到某个视觉编码器的权重"),
    ("this encoder was not found", "未找到此编码器"),
    ("the files of {}", "{0} 的文件"),
    ("given by --tower", "由使用者指定"),
    ("beside the checkpoint", "在检查点旁边"),
    ("beside the checkpoint, in the hub layout", "在检查点旁边，采用 Hugging Face 缓存的布局"),
    ("in the hub cache", "在 Hugging Face 缓存中"),
    ("the files of the folder {}", "文件夹 {0} 中的文件"),
    ("this directory does not hold the encoder {}", "此目录中没有编码器 {0}"),
    ("give the directory that holds {} and the weights", "请给出含有 {0} 和权重的目录"),
    ("--tower {}: this checkpoint has no such encoder", "{0}：此检查点没有这个编码器"),
    (
        "its encoders are {}; their families and numbers from 0 are understood too",
        "它的编码器有 {0}；也可用家族名或从 0 起的编号",
    ),
    ("{}: missing", "{0}：缺失"),
    ("{}: no such directory", "{0}：没有此目录"),
    ("{}: no snapshot", "{0}：没有快照"),
    ("{}: names no revision", "{0}：没有指明版本"),
    ("{}: incomplete download (missing)", "{0}：下载不完整（缺失）"),
    ("{}: incomplete download (the link points to a file that is missing)", "{0}：下载不完整（链接指向的文件缺失）"),
    ("{}: {} snapshots and no refs/main to choose one", "{0}：有 {1} 个快照，而没有 refs/main 指明用哪个"),
    ("give the directory that holds config.json and the weights", "请给出含有 config.json 和权重的目录"),
    ("this directory holds no checkpoint", "此目录中没有检查点"),
    ("is a file, not a checkpoint", "这是文件，不是检查点"),
    ("is a GGUF file of llama.cpp, not a checkpoint", "这是 llama.cpp 的 GGUF 文件，不是检查点"),
    (
        "use the safetensors or PyTorch files of the original model, in their directory",
        "请使用原始模型的 safetensors 或 PyTorch 文件所在的目录",
    ),
    ("use the safetensors or PyTorch files of the original model", "请使用原始模型的 safetensors 或 PyTorch 文件"),
    ("holds an adapter (LoRA) and not the model it changes", "只有适配器（LoRA），没有它所修改的模型"),
    ("config.json and the weights of a whole model", "config.json 和完整模型的权重"),
    (
        "merge it into {} (peft: merge_and_unload, then save_pretrained) and give that directory",
        "请把它合并到 {0}（peft：merge_and_unload，再 save_pretrained），并给出该目录",
    ),
    ("the model it was trained on", "训练它时所用的模型"),
    (
        "holds a GGUF file of llama.cpp, in which the vision side of Cambrian-1 is missing",
        "其中是 llama.cpp 的 GGUF 文件，缺少 Cambrian-1 的视觉部分",
    ),
    ("config.json and .safetensors or .bin files", "config.json 和 .safetensors 或 .bin 文件"),
    ("holds the connector between encoders and language model alone", "其中只有编码器与语言模型之间的连接器"),
    (
        "save the whole model with the training code (load it with its base model, then save_pretrained)",
        "请用训练代码保存完整模型（连同基础模型载入，再 save_pretrained）",
    ),
    ("holds weights in a layout of another program", "其中权重的布局属于其他程序"),
    (
        "convert them with transformers (save_pretrained), or download the files in its layout",
        "请用 transformers 转换（save_pretrained），或下载该布局的文件",
    ),
    ("holds the checkpoints of a training run and is none itself", "其中是一次训练的多个检查点，它本身不是检查点"),
    ("give one of them: {}", "请给出其中一个：{0}"),
    ("no weights found", "未找到权重"),
    ("download the model again, with its .safetensors or .bin files", "请重新下载模型及其 .safetensors 或 .bin 文件"),
    // Files of a checkpoint.
    ("this file is missing", "缺少此文件"),
    ("download the checkpoint again, with all of its files", "请重新下载检查点的全部文件"),
    ("download the checkpoint again", "请重新下载检查点"),
    ("download the missing file", "请下载缺失的文件"),
    ("download this file again", "请重新下载此文件"),
    (
        "download this file again; if it stays so, it belongs to a model this program does not run",
        "请重新下载此文件；若仍然如此，它属于本程序不能运行的模型",
    ),
    ("is no regular file", "不是普通文件"),
    ("is larger than any configuration file", "比任何配置文件都大"),
    ("is written in UTF-16", "采用 UTF-16 编码"),
    ("save it as UTF-8 with an editor, or download it again", "请用编辑器存为 UTF-8，或重新下载"),
    ("is no text in UTF-8: {}", "不是 UTF-8 文本：{0}"),
    ("is not valid JSON: {}", "不是有效的 JSON：{0}"),
    ("is not a JSON object", "不是 JSON 对象"),
    ("is empty", "为空"),
    ("nothing", "无"),
    ("this field has the wrong type", "此字段类型错误"),
    ("this field is missing", "缺少此字段"),
    ("this field is missing or no object", "缺少此字段，或它不是对象"),
    ("this number is out of range", "此数超出范围"),
    ("this number is missing or out of range", "缺少此数，或超出范围"),
    ("two fields disagree", "两个字段不一致"),
    ("a non-negative integer", "非负整数"),
    ("a positive number", "正数"),
    ("an integer", "整数"),
    ("true or false", "true 或 false"),
    ("a list of non-negative integers", "非负整数的列表"),
    ("a list of texts", "文本的列表"),
    ("at most {}", "最多 {0}"),
    ("at most {} bytes", "最多 {0} 字节"),
    ("at least {} bytes", "至少 {0} 字节"),
    ("{} bytes", "{0} 字节"),
    ("is a git-lfs pointer: the file itself was not downloaded", "是 git-lfs 指针：文件本身未下载"),
    (
        "run `git lfs pull` in the folder it was cloned into, or fetch the repository with `opabinia pull`",
        "请在克隆的文件夹中运行 `git lfs pull`，或用 `opabinia pull` 获取该仓库",
    ),
    ("is a git-annex pointer: the file itself was not downloaded", "是 git-annex 指针：文件本身未下载"),
    ("run `git annex get` in its folder", "请在其文件夹中运行 `git annex get`"),
    ("is a web page, not the file", "是网页，不是文件本身"),
    ("is an answer of the server, not the file", "是服务器的回应，不是文件本身"),
    (
        "is an XML document, not the file: servers answer so when they refuse",
        "是 XML 文档，不是文件本身：服务器拒绝时会这样回应",
    ),
    (
        "open its address in a browser: the page may ask to log in or to accept a licence. Then download the file \
         again, for example with `opabinia pull`",
        "请在浏览器中打开其地址：网页可能要求登录或接受许可。然后重新下载，例如用 `opabinia pull`",
    ),
    ("begins with nothing but zeros: the disk was full, or the download broke off", "开头全是零：磁盘已满，或下载中断"),
    ("make room and download this file again", "请腾出空间并重新下载此文件"),
    ("is a GGUF file of llama.cpp", "是 llama.cpp 的 GGUF 文件"),
    ("is an HDF5 file of TensorFlow or Keras", "是 TensorFlow 或 Keras 的 HDF5 文件"),
    ("use the safetensors or PyTorch files of this model", "请使用此模型的 safetensors 或 PyTorch 文件"),
    ("is compressed with gzip", "采用 gzip 压缩"),
    ("unpack it (gunzip) and give the result this name", "请解压（gunzip）并让结果使用此名称"),
    ("is too short to be a safetensors file", "太短，不可能是 safetensors 文件"),
    ("announces an impossible length for its header", "文件头声明的长度不可能"),
    ("its safetensors header is invalid: {}", "safetensors 文件头无效：{0}"),
    ("is cut short: the file ends before its tensors do", "不完整：文件在张量结束之前就结束了"),
    ("is longer than its header says", "比文件头所述更长"),
    ("the download is incomplete or damaged: download this file again", "下载不完整或已损坏：请重新下载此文件"),
    ("was written by torch.save and is no safetensors file", "由 torch.save 写成，不是 safetensors 文件"),
    ("give it the name it had, ending in .bin", "请用它原来的名称，以 .bin 结尾"),
    ("is a safetensors file and was not written by PyTorch", "是 safetensors 文件，不是由 PyTorch 写成"),
    ("give it a name that ends in .safetensors", "请让其名称以 .safetensors 结尾"),
    ("was not written by PyTorch", "不是由 PyTorch 写成"),
    ("this pickle asks for {}; nothing in it was run", "此 pickle 要求{0}；其中的内容没有被执行"),
    ("its pickle is damaged: {}; nothing in it was run", "pickle 已损坏：{0}；其中的内容没有被执行"),
    ("a state dict: names and tensors only", "状态字典：只有名称和张量"),
    (
        "convert it on a machine where you trust it: load it with torch.load(…, weights_only=True) and save it with \
         safetensors.torch.save_file",
        "请在可信任它的机器上转换：用 torch.load(…, weights_only=True) 载入，再用 safetensors.torch.save_file 保存",
    ),
    (
        "download this file again, or use the .safetensors files of this model",
        "请重新下载此文件，或使用此模型的 .safetensors 文件",
    ),
    ("its zip directory is missing: the file is cut short or damaged", "缺少 zip 目录：文件不完整或已损坏"),
    ("the index does not belong to these files: download the checkpoint again", "索引与这些文件不符：请重新下载检查点"),
    ("names a shard that is missing", "提到的分片缺失"),
    ("names a shard that is not a plain file name beside the index", "提到的分片不是索引旁的普通文件名"),
    ("do not use this checkpoint: an honest index never points elsewhere", "请勿使用此检查点：正当的索引不会指向别处"),
    ("this tensor is stored twice", "此张量存储了两次"),
    ("also in {}", "也在 {0} 中"),
    ("the index says this tensor is in a shard that does not hold it", "索引所指的分片中没有此张量"),
    ("this weight is missing", "缺少此权重"),
    ("named in the index, and in no file", "索引中有，而任何文件中都没有"),
    ("shape {}", "形状 {0}"),
    ("{} of shape {}", "{0}，形状 {1}"),
    ("this weight has another shape than config.json implies", "此权重的形状与 config.json 不符"),
    ("this weight has no place in the model its config.json describes", "config.json 所描述的模型中没有此权重的位置"),
    (
        "this weight and another have no place in the model its config.json describes",
        "config.json 所描述的模型中没有此权重和另一个权重的位置",
    ),
    (
        "this weight and {} others have no place in the model its config.json describes",
        "config.json 所描述的模型中没有此权重和另外 {0} 个权重的位置",
    ),
    (
        "config.json and the weights do not belong together: download both from the same place",
        "config.json 与权重不是一套：请从同一处下载二者",
    ),
    (
        "config.json and the weights do not belong together, or a file is missing: download again",
        "config.json 与权重不是一套，或缺少文件：请重新下载",
    ),
    (
        "check that these weights belong to the configuration beside them: download both from the same place",
        "请确认这些权重与旁边的配置是一套：从同一处下载二者",
    ),
    ("{} such weights", "此类权重 {0} 个"),
    (
        "is a weight of a vision encoder: a fine-tune with its encoders inside",
        "是视觉编码器的权重：这是一个内含编码器的微调模型",
    ),
    ("is a weight of an adapter (LoRA) that was not merged", "是未合并的适配器（LoRA）的权重"),
    (
        "merge it into the model (peft: merge_and_unload, then save_pretrained) and give the result",
        "请把它合并到模型（peft：merge_and_unload，再 save_pretrained），并使用结果",
    ),
    ("belongs to a quantised copy, which is not supported", "属于量化副本，不受支持"),
    ("use the checkpoint as it was released", "请使用发布时的检查点"),
    (
        "use the checkpoint as it was released; quantised copies are not supported",
        "请使用发布时的检查点；不支持量化副本",
    ),
    ("this weight is not stored as floating-point numbers", "此权重不是以浮点数存储"),
    ("holds a number too large for {}", "其中有对 {0} 来说过大的数"),
    ("holds a number that is NaN or infinite", "其中有 NaN 或无穷大"),
    ("finite numbers", "有限的数"),
    ("{} at index {}, stored as {}", "位置 {1} 处为 {0}，存储为 {2}"),
    ("the file is damaged, or training diverged: download it again", "文件已损坏，或训练发散：请重新下载"),
    // What a checkpoint is.
    ("this is not a Cambrian-1 checkpoint this program can run", "这不是本程序能运行的 Cambrian-1 检查点"),
    ("only checkpoints with the Spatial Vision Aggregator can be opened", "只能打开带有空间视觉聚合器（SVA）的检查点"),
    ("only the encoders of the released Cambrian-1 models can be run", "只能运行已发布的 Cambrian-1 模型的编码器"),
    ("unknown vision encoder `{}`", "未知的视觉编码器“{0}”"),
    ("this way of choosing image features is not supported", "不支持这种选取图像特征的方式"),
    ("this activation is not supported", "不支持此激活函数"),
    ("this activation is not known", "未知的激活函数"),
    ("scaled rotary embeddings are not supported", "不支持缩放的旋转位置编码"),
    ("quantised checkpoints are not supported", "不支持量化检查点"),
    ("compressed checkpoints are not supported", "不支持压缩的检查点"),
    ("a penalty on repeated tokens is not supported", "不支持对重复词元的惩罚"),
    ("a ban on repeated sequences is not supported", "不支持禁止重复序列"),
    ("a ban on tokens is not supported", "不支持禁用词元"),
    ("a ban on words is not supported", "不支持禁用词"),
    ("{} is not supported", "不支持 {0}"),
    ("{} are not supported", "不支持 {0}"),
    (
        "run this checkpoint with the program it was made for; or, to see what it does without this setting, remove the \
         field from a copy of the file: the numbers are then not those of the reference",
        "请用它所针对的程序运行此检查点；若想看没有此设置时的结果，请在文件副本中删去该字段：所得数值便不是参考实现的数值",
    ),
    ("no usable list of vision encoders", "没有可用的视觉编码器列表"),
    ("use the CLIP model this checkpoint was trained with", "请使用训练此检查点时所用的 CLIP 模型"),
    (
        "check that this directory holds the encoder its name says, or download it again",
        "请确认此目录中是其名称所说的编码器，或重新下载",
    ),
    (
        "check that this directory holds the encoder its name says, or download its weights again",
        "请确认此目录中是其名称所说的编码器，或重新下载其权重",
    ),
    // Tokenizers.
    ("the tokenizer is missing", "缺少分词器"),
    ("tokenizer.json or tokenizer.model", "tokenizer.json 或 tokenizer.model"),
    (
        "download tokenizer.json or tokenizer.model of this checkpoint, and tokenizer_config.json with it",
        "请下载此检查点的 tokenizer.json 或 tokenizer.model，以及 tokenizer_config.json",
    ),
    ("download tokenizer.json again", "请重新下载 tokenizer.json"),
    ("download tokenizer.model again", "请重新下载 tokenizer.model"),
    ("is no tokenizer: {}", "不是分词器：{0}"),
    ("is not a sentencepiece model: {}", "不是 sentencepiece 模型：{0}"),
    ("the tokenizer lacks a marker this setting needs", "分词器缺少此设置所需的标记"),
    ("the tokenizer does not belong to this checkpoint: download both again", "分词器不属于此检查点：请重新下载二者"),
    (
        "download the tokenizer files again: they do not belong to this config.json",
        "请重新下载分词器文件：它们不属于此 config.json",
    ),
    (
        "take tokenizer.json and tokenizer_config.json from the same checkpoint",
        "请使用同一检查点的 tokenizer.json 和 tokenizer_config.json",
    ),
    // Good to know.
    (
        "weights are kept as {} and widened to f32 inside every product: the CPU computes in f32",
        "权重以 {0} 保存，在每次乘积中扩展为 f32：CPU 以 f32 计算",
    ),
    (
        "the checkpoint suggests {}; tokens are chosen as each question says, the most likely one unless it says \
         otherwise, as in the reference's evaluation",
        "检查点建议 {0}；词元按每个问题的设置选取，未设置时取最可能的一个，与参考实现的评测相同",
    ),
    (
        "{} has fields that this program does not know and does not obey: {}. If one of them changes what the model \
         computes, the numbers here are not the model's",
        "{0} 中有本程序不认识也不遵从的字段：{1}。如果其中某个会改变模型的计算，这里的数值便不是该模型的",
    ),
    (
        "{} names weights that no file holds and the model does not need: {}",
        "{0} 提到的一些权重不在任何文件中，模型也不需要：{1}",
    ),
    ("shared with a model that is open, and in memory already ({}): {}", "与已打开的模型共用，已在内存中（{0}）：{1}"),
    (
        "config.json names no rope_theta: the rotary embedding has the base {}, as in transformers. If the model was \
         trained with another (Llama 3: 500000), its answers are wrong until the field is put back",
        "config.json 没有 rope_theta：旋转位置编码的底数取 {0}，与 transformers 相同。如果模型用别的值训练（Llama 3：500000），\
         在补回该字段之前其回答是错误的",
    ),
];

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    #[test]
    fn every_sentence_keeps_what_stands_in_it() {
        let mut seen = BTreeSet::new();
        for (english, chinese) in all() {
            assert!(seen.insert(english), "{english:?} is there twice");
            let count = english.matches("{}").count();
            for at in 0..count {
                assert_eq!(chinese.matches(&format!("{{{at}}}")).count(), 1, "{english:?} → {chinese:?}: {{{at}}}");
            }
            assert_eq!(chinese.matches('{').count(), count, "{english:?} → {chinese:?}");
        }
    }

    #[test]
    fn sentences_are_found_with_what_stands_in_them() {
        for (english, expected) in [
            ("no weights found", "未找到权重"),
            (
                "/a: b/c.jpg: this picture cannot be read: Permission denied (os error 13)",
                "/a: b/c.jpg：无法读取此图片：没有权限",
            ),
            (
                "x.jpg: this is a JPEG file with 12 bits per sample, which the program does not read",
                "x.jpg：这是每个样本 12 位的 JPEG 文件，程序不读取这种图片",
            ),
            (
                "x.tif: this picture cannot be decoded: as a TIFF file, it is cut short: its directory needs byte 99\n  the file is damaged or cut short: copy or download it again, or save it anew with an image editor",
                "x.tif：无法解码此图片：作为 TIFF 文件，它不完整：其目录需要第 99 字节\n  文件已损坏或不完整：请重新复制或下载，或用图像编辑器重新保存",
            ),
            ("What nobody has translated: this", "What nobody has translated: this"),
            ("{0}: not a field: missing", "{0}: not a field：缺失"),
            ("- /towers/a: no such directory", "- /towers/a：没有此目录"),
            ("row 3 (idx 7): its picture is missing: images/a.png", "第 3 行（idx 7）：图片缺失：images/a.png"),
            (
                "x.parquet: this is no whole parquet file: EOF: file is too small",
                "x.parquet：这不是完整的 parquet 文件：EOF: file is too small",
            ),
            ("", ""),
        ] {
            assert_eq!(chinese(english), expected);
        }
    }
}
