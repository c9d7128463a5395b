//! The engine's advice in the words of the command line: settings are flags.

use opabinia_engine::advice::{Advice, MissingEncoder};
use opabinia_engine::checkpoint::Bytes;

/// What `advice` says to somebody who types commands.
pub fn words(advice: &Advice) -> String {
    match advice {
        Advice::SmallerWeights => "choose narrower --weights, or close other programs".to_owned(),
        Advice::SmallerWeightsOrCpu => {
            "free memory on the device, choose narrower --weights, or use --device cpu".to_owned()
        }
        Advice::WeightsThatFit(choices) => {
            let choices = choices.iter().map(|(name, bytes)| format!("--weights {name} ({})", Bytes(*bytes)));
            format!("this would fit: {}", choices.collect::<Vec<_>>().join(" or "))
        }
        Advice::WeightsAs(types) => {
            let flags: Vec<_> = types.iter().map(|name| format!("--weights {name}")).collect();
            format!("use {}", flags.join(" or "))
        }
        Advice::WeightsAsF32OrAnew => {
            "use --weights f32; if it stays so, the weights are damaged: download them again".to_owned()
        }
        Advice::CpuOrFeature(feature) => format!("use --device cpu, or a build with --features {feature}"),
        Advice::FewerTokens => "ask for fewer tokens (--max-tokens), or close other programs".to_owned(),
        Advice::AtMostTokens(room) => format!("ask for at most {room} tokens: --max-tokens {room}"),
        Advice::ShorterAnswer => "shorten the answer (--max-tokens) or the question".to_owned(),
        Advice::OtherImage => "give one: --other FILE".to_owned(),
        Advice::FetchModel(repository) => format!("get it with: opabinia pull {repository}"),
        Advice::FetchEncoder(missing) => {
            let MissingEncoder { repository, folder, encoder } = &**missing;
            format!(
                "get them with: opabinia pull {repository}\n  or put them into {folder}\n  or say where they \
                 are: --tower {encoder}=DIR"
            )
        }
        Advice::NameEncoder(encoder) => format!(
            "say where that folder is on this machine: --tower {encoder}=DIR (a path in config.json is not followed by \
             itself)\n  or put a copy of it beside the checkpoint"
        ),
        Advice::SeparateEncoders => {
            "write the encoders of this checkpoint into folders of their own, in the layout of their \
                                     repositories, and name each with --tower; with the released encoders the numbers \
                                     would be others"
                .to_owned()
        }
        Advice::GiveCheckpoint => {
            "give the directory of a Cambrian-1 checkpoint; `opabinia doctor` lists those in the hub cache".to_owned()
        }
        Advice::RecordAnew => "record it anew with `opabinia trace`".to_owned(),
        Advice::RecordWithImage => "record one about a picture: `opabinia trace --image FILE`".to_owned(),
        // The same everywhere.
        Advice::Words(_) | Advice::RaiseLimit(_) => advice.to_string(),
    }
}
