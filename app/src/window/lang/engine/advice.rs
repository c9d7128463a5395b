//! What to do about a failure, with the names that settings have in the window.

use super::said;
use opabinia_engine::advice::Advice;
use opabinia_engine::checkpoint::Bytes;

/// In English.
pub(super) fn english(advice: &Advice) -> String {
    match advice {
        Advice::SmallerWeights => "Choose a smaller type under Weights, or close other programs".to_owned(),
        Advice::SmallerWeightsOrCpu => {
            "Free memory on the device, choose a smaller type under Weights, or compute on the CPU".to_owned()
        }
        Advice::WeightsThatFit(choices) => format!("Under Weights this would fit: {}", sized(choices, " or ")),
        Advice::WeightsAs(types) => format!("Choose {} under Weights and load it again", types.join(" or ")),
        Advice::WeightsAsF32OrAnew => {
            "Choose f32 under Weights and load it again; if it stays so, the weights are damaged: download them again"
                .to_owned()
        }
        Advice::CpuOrFeature(feature) => {
            format!("Choose the CPU under Compute on, or use a build of the program with {feature}")
        }
        Advice::FewerTokens => "Lower Max new tokens in the settings of answers, or close other programs".to_owned(),
        Advice::AtMostTokens(room) => format!("Set Max new tokens in the settings of answers to at most {room}"),
        Advice::ShorterAnswer => {
            "Shorten the answer (Max new tokens in the settings of answers) or the question".to_owned()
        }
        Advice::OtherImage => "Choose another image".to_owned(),
        Advice::FetchModel(repository) => {
            format!("Get it in a terminal with: huggingface-cli download {repository}\nthen open it again")
        }
        Advice::FetchEncoder(missing) => format!(
            "Get it in a terminal with: huggingface-cli download {}\nor put its files into {}\nor name the folder where \
             they are, beside the encoder's name",
            missing.repository, missing.folder
        ),
        Advice::NameEncoder(_) => {
            "Name the folder on this machine, beside the encoder's name (a path in config.json is not \
                                   followed by itself)\nor put a copy of it beside the checkpoint"
                .to_owned()
        }
        Advice::SeparateEncoders => {
            "Write the encoders of this checkpoint into folders of their own, in the layout of their \
                                     repositories, and name each beside its encoder; with the released encoders the \
                                     numbers would be others"
                .to_owned()
        }
        Advice::GiveCheckpoint => {
            "Choose the folder of a Cambrian-1 checkpoint; those in the Hugging Face cache are listed on the start page"
                .to_owned()
        }
        Advice::RecordAnew => "Ask again and export the trace anew".to_owned(),
        Advice::RecordWithImage => "Export one of an answer about a picture".to_owned(),
        Advice::Words(_) | Advice::RaiseLimit(_) => advice.to_string(),
    }
}

/// In Chinese.
pub(super) fn chinese(advice: &Advice) -> String {
    match advice {
        Advice::Words(words) => said::chinese(words),
        Advice::SmallerWeights => "在“权重”中选择更小的类型，或关闭其他程序".to_owned(),
        Advice::SmallerWeightsOrCpu => "释放设备内存，在“权重”中选择更小的类型，或改用 CPU 计算".to_owned(),
        Advice::WeightsThatFit(choices) => format!("在“权重”中，以下类型放得下：{}", sized(choices, " 或 ")),
        Advice::WeightsAs(types) => format!("在“权重”中选择 {}，然后重新载入", types.join(" 或 ")),
        Advice::WeightsAsF32OrAnew => {
            "在“权重”中选择 f32 并重新载入；若仍然如此，说明权重已损坏：请重新下载".to_owned()
        }
        Advice::CpuOrFeature(feature) => format!("在“计算设备”中选择 CPU，或使用支持 {feature} 的程序版本"),
        Advice::FewerTokens => "在回答设置中调低“最大新词元数”，或关闭其他程序".to_owned(),
        Advice::AtMostTokens(room) => format!("在回答设置中把“最大新词元数”设为不超过 {room}"),
        Advice::ShorterAnswer => "缩短回答（回答设置中的“最大新词元数”）或问题".to_owned(),
        Advice::OtherImage => "请选择另一张图片".to_owned(),
        Advice::RaiseLimit(option) => {
            format!("提高限制：`ulimit {option} unlimited`，或修改设定该限制的作业设置")
        }
        Advice::FetchModel(repository) => {
            format!("在终端中下载：huggingface-cli download {repository}\n然后重新打开")
        }
        Advice::FetchEncoder(missing) => format!(
            "在终端中下载：huggingface-cli download {}\n或把其文件放入 {}\n或在该编码器名称旁指定文件所在的文件夹",
            missing.repository, missing.folder
        ),
        Advice::NameEncoder(_) => "在该编码器名称旁指定它在本机上的文件夹（config.json 中的路径不会被自动采用）\n\
                                   或把它的副本放在检查点旁边"
            .to_owned(),
        Advice::SeparateEncoders => {
            "请把此检查点中的各编码器按其仓库的布局分别写入单独的文件夹，再逐一指定；若用发布的编码器，\
                                     得到的数值会不同"
                .to_owned()
        }
        Advice::GiveCheckpoint => {
            "请选择一个 Cambrian-1 检查点的文件夹；Hugging Face 缓存中的检查点列在起始页".to_owned()
        }
        Advice::RecordAnew => "请重新提问并再次导出注意力记录".to_owned(),
        Advice::RecordWithImage => "请导出一个针对图片的回答的注意力记录".to_owned(),
    }
}

/// Types of weights with their sizes.
fn sized(choices: &[(&'static str, u64)], or: &str) -> String {
    let choices = choices.iter().map(|(name, bytes)| format!("{name} ({})", Bytes(*bytes)));
    choices.collect::<Vec<_>>().join(or)
}
