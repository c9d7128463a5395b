//! What to do about a failure, as data.
//!
//! Most advice is the same wherever it is read. Where it is a setting, it is named here and worded by whoever shows it:
//! on the command line as a flag, in the window as what is to be pressed, in the language of the person.

use std::fmt;

/// What to do about a failure.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Advice {
    /// In words that fit everywhere.
    Words(String),
    /// Keep the weights in a smaller type, or free memory.
    SmallerWeights,
    /// The same for memory of a device; the CPU has another.
    SmallerWeightsOrCpu,
    /// Keep the weights in one of these types, with which so many bytes are needed.
    WeightsThatFit(Vec<(&'static str, u64)>),
    /// Keep the weights in one of these types.
    WeightsAs(&'static [&'static str]),
    /// Keep the weights in f32; if that does not help they are damaged.
    WeightsAsF32OrAnew,
    /// Compute on the CPU, or with a build that has this feature.
    CpuOrFeature(String),
    /// Ask for fewer tokens, or free memory.
    FewerTokens,
    /// Ask for at most so many tokens.
    AtMostTokens(usize),
    /// Ask for a shorter answer, or ask less.
    ShorterAnswer,
    /// Give another image, whose features are swapped in.
    OtherImage,
    /// Raise a limit of the system, which `ulimit` calls so.
    RaiseLimit(&'static str),
    /// Fetch the checkpoint in this repository.
    FetchModel(String),
    /// Fetch an encoder, or name its folder.
    FetchEncoder(Box<MissingEncoder>),
    /// Name the folder of an encoder, by the word for its family, that is named by a path in config.json.
    NameEncoder(&'static str),
    /// Put the encoders that the checkpoint holds into folders of their own, and name them.
    SeparateEncoders,
    /// Give the directory of a checkpoint of this kind; those in the hub cache can be listed.
    GiveCheckpoint,
    /// Record the trace anew.
    RecordAnew,
    /// Record a trace about an image.
    RecordWithImage,
}

/// An encoder whose files were not found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MissingEncoder {
    /// Its repository.
    pub repository: String,
    /// The folder beside the checkpoint in which it would be found.
    pub folder: String,
    /// The word for its family.
    pub encoder: &'static str,
}

impl From<String> for Advice {
    fn from(words: String) -> Self {
        Self::Words(words)
    }
}

impl From<&str> for Advice {
    fn from(words: &str) -> Self {
        Self::Words(words.to_owned())
    }
}

/// In words that name no flag and no button.
impl fmt::Display for Advice {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Words(words) => f.write_str(words),
            Self::SmallerWeights => f.write_str("keep the weights in a smaller type, or close other programs"),
            Self::SmallerWeightsOrCpu => {
                f.write_str("free memory on the device, keep the weights in a smaller type, or compute on the CPU")
            }
            Self::WeightsThatFit(choices) => {
                let types: Vec<_> = choices.iter().map(|(name, _)| *name).collect();
                write!(f, "keep the weights in {}: that would fit", types.join(" or "))
            }
            Self::WeightsAs(types) => write!(f, "keep the weights in {}", types.join(" or ")),
            Self::WeightsAsF32OrAnew => {
                f.write_str("keep the weights in f32; if it stays so, they are damaged: download them again")
            }
            Self::CpuOrFeature(feature) => write!(f, "compute on the CPU, or with a build that has {feature}"),
            Self::FewerTokens => f.write_str("ask for fewer tokens, or close other programs"),
            Self::AtMostTokens(room) => write!(f, "ask for at most {room} tokens"),
            Self::ShorterAnswer => f.write_str("shorten the answer or the question"),
            Self::OtherImage => f.write_str("give one"),
            Self::RaiseLimit(option) => {
                write!(f, "raise the limit: `ulimit {option} unlimited`, or the setting of the job that sets it")
            }
            Self::FetchModel(repository) => write!(f, "download {repository} from the hub"),
            Self::FetchEncoder(missing) => {
                let MissingEncoder { repository, folder, .. } = &**missing;
                write!(f, "download {repository} from the hub\n  or put its files into {folder}\n  or say where they are")
            }
            Self::NameEncoder(_) => f.write_str(
                "say where that folder is on this machine (a path in config.json is not followed by itself)\n  or put a \
                 copy of it beside the checkpoint",
            ),
            Self::SeparateEncoders => f.write_str(
                "write the encoders of this checkpoint into folders of their own, in the layout of their repositories, \
                 and say where they are; with the released encoders the numbers would be others",
            ),
            Self::GiveCheckpoint => f.write_str("give the directory of a Cambrian-1 checkpoint"),
            Self::RecordAnew => f.write_str("record it anew"),
            Self::RecordWithImage => f.write_str("record one about a picture"),
        }
    }
}
