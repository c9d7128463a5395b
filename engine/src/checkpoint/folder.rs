//! What a folder or a file holds that is no checkpoint: parts of one, or a model of another kind. Looked at only after
//! something was found missing, so that the message can say what is there and what is not.

use super::json::JsonFile;
use crate::error::Refusal;
use std::fs;
use std::path::Path;

/// Entries of a directory that are looked at.
const LOOKED_AT: usize = 4096;

const GIVE: &str = "give the directory that holds config.json and the weights";

/// The refusal of `dir` for what it holds, if that is something people take for a checkpoint.
pub(super) fn explained(dir: &Path) -> Option<Refusal> {
    let entries = fs::read_dir(dir).ok()?.filter_map(Result::ok).take(LOOKED_AT);
    let mut names: Vec<String> = entries.map(|entry| entry.file_name().to_string_lossy().into_owned()).collect();
    names.sort();
    let has = |name: &str| names.iter().any(|other| other == name);
    let ending = |end: &str| names.iter().find(|name| name.ends_with(end)).cloned();
    if has("adapter_config.json") || has("adapter_model.safetensors") || has("adapter_model.bin") {
        let base = JsonFile::read(&dir.join("adapter_config.json")).ok();
        let base = base.as_ref().and_then(|json| json.get("base_model_name_or_path")?.as_str().map(str::to_owned));
        let base = base.unwrap_or_else(|| "the model it was trained on".into());
        return Some(
            Refusal::new(dir, "holds an adapter (LoRA) and not the model it changes")
                .expected("config.json and the weights of a whole model")
                .found(format!("adapter_config.json, for {base}"))
                .help(format!(
                    "merge it into {base} (peft: merge_and_unload, then save_pretrained) and give that directory"
                )),
        );
    }
    if let Some(file) = ending(".gguf") {
        return Some(
            Refusal::new(dir, "holds a GGUF file of llama.cpp, in which the vision side of Cambrian-1 is missing")
                .expected("config.json and .safetensors or .bin files")
                .found(file)
                .help("use the safetensors or PyTorch files of the original model"),
        );
    }
    let connector = ["mm_projector.bin", "non_lora_trainables.bin"].into_iter().find(|name| has(name));
    if let Some(file) = connector {
        return Some(
            Refusal::new(dir, "holds the connector between encoders and language model alone")
                .expected("the weights of the language model too: model*.safetensors or pytorch_model*.bin")
                .found(file)
                .help(
                    "save the whole model with the training code (load it with its base model, then save_pretrained)",
                ),
        );
    }
    let foreign = ["tf_model.h5", "flax_model.msgpack", "consolidated.00.pth", "consolidated.safetensors"]
        .into_iter()
        .find(|name| has(name));
    if let Some(file) = foreign {
        return Some(
            Refusal::new(dir, "holds weights in a layout of another program")
                .expected("model*.safetensors or pytorch_model*.bin")
                .found(file)
                .help("convert them with transformers (save_pretrained), or download the files in its layout"),
        );
    }
    // What a trainer leaves: a checkpoint in each of these.
    let mut steps: Vec<&String> = names.iter().filter(|name| is_step(name) && dir.join(name).is_dir()).collect();
    steps.sort_by_key(|name| (name.len(), name.as_str()));
    steps.last().map(|last| {
        let file = Refusal::new(dir, "holds the checkpoints of a training run and is none itself");
        file.found(format!("{} folders, up to {last}", steps.len()))
            .help(format!("give one of them: {}", dir.join(last).display()))
    })
}

/// Whether a trainer calls the state after some step so.
fn is_step(name: &str) -> bool {
    let step = name.strip_prefix("checkpoint-").or_else(|| name.strip_prefix("global_step"));
    step.is_some_and(|step| !step.is_empty() && step.bytes().all(|byte| byte.is_ascii_digit()))
}

/// The refusal of a directory about which there is nothing more to say.
pub(super) fn no_checkpoint(dir: &Path) -> Refusal {
    Refusal::new(dir, "this directory holds no checkpoint").help(GIVE)
}

/// The refusal of a file where a directory is wanted.
pub(super) fn no_directory(file: &Path) -> Refusal {
    if file.extension().is_some_and(|extension| extension.eq_ignore_ascii_case("gguf")) {
        return Refusal::new(file, "is a GGUF file of llama.cpp, not a checkpoint")
            .help("use the safetensors or PyTorch files of the original model, in their directory");
    }
    Refusal::new(file, "is a file, not a checkpoint").help(GIVE)
}
