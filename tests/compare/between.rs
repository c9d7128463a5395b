//! What lies between two checkpoints: A + λ (B − A).

use super::{demo, fail, golden, json, list, repository, succeed, text};
use opabinia_engine::generate::{Answer, GenerateOptions};
use opabinia_engine::model::{LoadRequest, Toward};
use opabinia_engine::precision::WeightFormat;
use opabinia_engine::probe::{Detail, Trace};
use opabinia_engine::vision::{Exif, Picture};
use opabinia_engine::worker::{Client, Decoding, Prompt, Record, RunSpec};
use opabinia_forge::{Derivation, ForgeSpec, Preset, derive, forge};
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// What a model says of a picture, and where it looked.
struct Said {
    tokens: Vec<(u32, u32)>,
    trace: Arc<Trace>,
}

impl Said {
    fn of(client: &mut Client, request: LoadRequest) -> Self {
        let (model, loading) = client.load(request, None);
        client.wait(loading).unwrap();
        let picture = Picture::open(&repository().join("tests/goldens/images/wide.png"), Exif::Ignore).unwrap();
        let run = client.run(RunSpec {
            image: Some(Arc::new(picture)),
            decoding: Decoding::Generate(GenerateOptions { max_tokens: 6, ..GenerateOptions::default() }),
            record: Record::Trace { detail: Detail::Sva, output: None },
            ..RunSpec::new(model, Prompt::question("What is this?"))
        });
        let output = client.wait(run).unwrap();
        let trace = output.trace.clone().unwrap();
        let answer: Answer = output.into_answer().unwrap();
        let unload = client.unload(model);
        client.wait(unload).unwrap();
        Self { tokens: answer.tokens.iter().map(|token| (token.id, token.log_prob.to_bits())).collect(), trace }
    }

    /// Whether every number is the same, to the bit.
    fn is(&self, other: &Self) -> bool {
        let bits = |said: &Self| -> Vec<Vec<u32>> {
            said.trace.layers.iter().map(|layer| layer.probs.iter().map(|p| p.to_bits()).collect()).collect()
        };
        self.tokens == other.tokens && bits(self) == bits(other)
    }
}

fn request(source: &Path, weights: WeightFormat) -> LoadRequest {
    LoadRequest { source: text(source).to_owned(), weights: weights.into(), ..LoadRequest::default() }
}

fn between(a: &Path, b: &Path, part: f64, weights: WeightFormat) -> LoadRequest {
    let toward = Toward { source: text(b).to_owned(), encoders: Vec::new(), part };
    LoadRequest { toward: Some(toward), ..request(a, weights) }
}

/// Two forged checkpoints of one shape, whose weights and encoders have nothing in common.
fn strangers(folder: &Path) -> [PathBuf; 2] {
    let spec = Preset::Tiny.spec();
    [spec.seed, spec.seed + 1].map(|seed| {
        let directory = folder.join(seed.to_string());
        forge(&ForgeSpec { seed, ..spec.clone() }, &directory, |_| {}).unwrap();
        directory
    })
}

#[test]
fn at_either_end_it_is_that_checkpoint_to_the_bit() {
    let folder = tempfile::tempdir().unwrap();
    let [a, b] = strangers(folder.path());
    let mut client = Client::start().unwrap();
    for weights in [WeightFormat::F32, WeightFormat::Q8_0] {
        let [of_a, of_b] = [&a, &b].map(|side| Said::of(&mut client, request(side, weights)));
        assert!(!of_a.is(&of_b), "{weights}: the two say the same, and this test shows nothing");
        assert!(Said::of(&mut client, between(&a, &b, 0.0, weights)).is(&of_a), "{weights}: λ = 0 is not A");
        assert!(Said::of(&mut client, between(&a, &b, 1.0, weights)).is(&of_b), "{weights}: λ = 1 is not B");
        let middle = Said::of(&mut client, between(&a, &b, 0.5, weights));
        assert!(!middle.is(&of_a) && !middle.is(&of_b), "{weights}");
        assert!(middle.trace.model.contains("+ 0.5 ("), "{}", middle.trace.model);
    }
}

/// The forge mixes files, the engine what it reads from them: neither knows the other.
#[test]
fn half_way_is_what_the_forge_makes_of_both() {
    let folder = tempfile::tempdir().unwrap();
    let [a, ..] = strangers(folder.path());
    let [b, half] = ["b", "half"].map(|name| folder.path().join(name));
    derive(&a, &Derivation { perturb: vec![("model.*".into(), 0.4)], ..Derivation::default() }, &b).unwrap();
    derive(&a, &Derivation { toward: Some((b.clone(), 0.25)), ..Derivation::default() }, &half).unwrap();
    let mut client = Client::start().unwrap();
    for weights in [WeightFormat::F32, WeightFormat::Q8_0] {
        let forged = Said::of(&mut client, request(&half, weights));
        assert!(Said::of(&mut client, between(&a, &b, 0.25, weights)).is(&forged), "{weights}");
    }
}

#[test]
fn a_third_answer_lies_between_both() {
    let folder = tempfile::tempdir().unwrap();
    let moved = folder.path().join("moved");
    let step = Derivation { perturb: vec![("model.mm_projector*".into(), 0.3)], ..Derivation::default() };
    derive(&demo(), &step, &moved).unwrap();
    let demo = demo();
    let question = [text(&demo), text(&moved), "--image", "sample:gift", "--prompt", "What does the sign say?"];
    for (lambda, side) in [("0", 0), ("1", 1)] {
        let report = json(&[&question[..], &["--interpolate", lambda]].concat());
        let asked = &report["questions"][0];
        let [answer, end] = [&asked["between"]["answer"], &asked["answers"][side]];
        assert_eq!(answer["text"], end["text"]);
        let ids = |answer: &serde_json::Value| -> Vec<u64> {
            list(&answer["tokens"]).iter().map(|token| token["id"].as_u64().unwrap()).collect()
        };
        assert_eq!(ids(answer), ids(end));
        // The shares of each layer are those of that side.
        for (layer, of_both) in list(&asked["between"]["shares"]).iter().zip(list(&asked["maps"]["layers"])) {
            assert_eq!(layer["shares"], of_both["shares"][["a", "b"][side]]);
        }
        assert_eq!(report["between"]["lambda"], serde_json::json!(lambda.parse::<f64>().unwrap()));
    }
    // Half way there it is another one, with a figure, and says what it is.
    let out = folder.path().join("figures");
    let args = [&question[..], &["--interpolate", "0.5", "--out", text(&out)]].concat();
    let (said, told) = succeed(&args);
    assert!(said.contains("  A + 0.5 (B − A)  "), "{said}");
    assert!(told.contains("q001.between.png") && out.join("q001.between.png").is_file(), "{told}");
    assert!(
        fs::read_to_string(out.join("q001.between.svg")).unwrap().contains("+ 0.5 ("),
        "the figure says whose it is"
    );
}

#[test]
fn nothing_lies_between_checkpoints_of_other_shapes() {
    let ask = |a: &Path, b: &Path, lambda: &str| {
        let args = [text(a), text(b), "-p", "What is this?", "--max-tokens", "2", "--interpolate", lambda];
        let code = if lambda == "nan" { 2 } else { 3 };
        fail(&args, code)
    };
    let message = ask(&golden("tiny-llama3"), &golden("tiny-yi"), "0.5");
    assert!(message.contains("nothing lies between the two") && message.contains("A + 0.5 (B − A)"), "{message}");
    assert!(message.contains("`image_token_len`") || message.contains("image_token_len: "), "what differs: {message}");
    assert!(ask(&demo(), &demo(), "nan").contains("no part of the way"));
    // Without a question there is nothing to ask it.
    let message = fail(&[text(&demo()), text(&demo()), "--interpolate", "0.5"], 2);
    assert!(message.contains("--prompt"), "{message}");
}

/// A weight of another shape is named, and so is one that the other checkpoint has alone.
#[test]
fn weights_that_cannot_be_mixed_are_named() {
    let folder = tempfile::tempdir().unwrap();
    let [a, ..] = strangers(folder.path());
    let b = folder.path().join("b");
    derive(&a, &Derivation { perturb: vec![("model.norm.weight".into(), 0.1)], ..Derivation::default() }, &b).unwrap();
    let file = b.join("model.safetensors");
    let bytes = fs::read(&file).unwrap();
    let tensors = safetensors::SafeTensors::deserialize(&bytes).unwrap();
    let kept = tensors.tensors().into_iter().filter(|(key, _)| key != "model.norm.weight");
    let written = safetensors::serialize(kept, None).unwrap();
    fs::write(&file, written).unwrap();
    let mut client = Client::start().unwrap();
    let (_, loading) = client.load(between(&a, &b, 0.5, WeightFormat::F32), None);
    let message = client.wait(loading).unwrap_err().to_string();
    assert!(message.contains("model.norm.weight") && message.contains("missing"), "{message}");
    assert!(message.contains(text(&file)), "the file of B is named: {message}");
}
