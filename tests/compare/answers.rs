//! Questions to both sides: answers, attention, figures.

use super::{demo, fail, golden, json, list, repository, succeed, text};
use opabinia_engine::probe::{Cell, Measure, Measured, Trace, trace_file};
use opabinia_forge::{Derivation, derive};
use serde_json::{Value, json};
use std::fs;
use std::path::Path;
use std::process::Command;

const SIGN: [&str; 4] = ["--image", "sample:gift", "--prompt", "What does the sign say?"];

fn ask(a: &Path, b: &Path, more: &[&str]) -> Value {
    json(&[&[text(a), text(b)], more].concat())
}

fn layers(question: &Value) -> &[Value] {
    list(&question["maps"]["layers"])
}

fn image(name: &str) -> String {
    text(&repository().join("tests/goldens/images").join(name)).to_owned()
}

#[test]
fn a_side_against_itself_differs_in_nothing() {
    let demo = demo();
    let report = ask(&demo, &demo, &SIGN);
    let question = &report["questions"][0];
    assert_eq!(question["same_text"], true);
    assert_eq!(question["parting"], Value::Null);
    let alignment = list(&question["alignment"]);
    assert_eq!((alignment.len(), &alignment[0]["kind"]), (1, &json!("equal")));
    for answer in list(&question["answers"]) {
        assert_eq!(answer["log_prob"], answer["log_prob_other"]);
        for token in list(&answer["tokens"]) {
            assert_eq!(token["log_prob"], token["log_prob_other"]);
        }
    }
    assert_eq!(layers(question).len(), 4);
    for layer in layers(question) {
        assert_eq!((&layer["divergence"]["mean"], &layer["divergence"]["over"]), (&json!(0.0), &json!("keys")));
        assert!(list(&layer["divergence"]["by_cell"]).iter().all(|value| value == 0.0), "{layer}");
        assert_eq!(layer["shares"]["a"], layer["shares"]["b"]);
        assert_eq!((&layer["a"], &layer["cells"]["resampled"]), (&layer["b"], &json!(false)));
    }
    let nothing = json!({ "encoders": [], "layers": [] });
    assert_eq!(question["maps"]["without_counterpart"], json!({ "a": nothing, "b": nothing }));
    let (out, _) = succeed(&[&[text(&demo), text(&demo)], &SIGN[..]].concat());
    assert!(out.contains("tokens are equal") && out.contains("nowhere"), "{out}");
}

/// What moved is the MLP of decoder layer 1: the connector and the sampler after layer 0 read what they read before, the
/// sampler after layer 2 does not.
#[test]
fn maps_differ_from_the_first_affected_layer_on() {
    let folder = tempfile::tempdir().unwrap();
    let moved = folder.path().join("moved");
    let step = Derivation { perturb: vec![("model.layers.1.mlp.up_proj.weight".into(), 0.3)], ..Derivation::default() };
    derive(&demo(), &step, &moved).unwrap();
    let report = ask(&demo(), &moved, &SIGN);
    let means: Vec<(String, f64)> = layers(&report["questions"][0])
        .iter()
        .map(|layer| (layer["a"].as_str().unwrap().to_owned(), layer["divergence"]["mean"].as_f64().unwrap()))
        .collect();
    let labels: Vec<&str> = means.iter().map(|(label, _)| label.as_str()).collect();
    assert_eq!(labels, ["C1", "C2", "S0", "S2"]);
    assert!(means[..3].iter().all(|(_, mean)| *mean == 0.0), "{means:?}");
    assert!(means[3].1 > 1e-6, "{means:?}");
    assert_eq!(report["same_tokenizer"], true);
}

#[test]
fn one_checkpoint_without_an_encoder_is_another_side() {
    let demo = demo();
    let report = ask(&demo, &demo, &[&SIGN[..], &["--with-b", "mask:convnext"]].concat());
    assert_eq!((&report["sides"][0]["with"], &report["sides"][1]["with"]), (&json!(""), &json!("mask:convnext")));
    let question = &report["questions"][0];
    let convnext = "clip-convnext-XXL-multi-stage";
    for layer in layers(question) {
        let shares = &layer["shares"];
        let named = shares["a"].as_object().unwrap().keys().find(|name| name.contains("convnext")).unwrap();
        assert!(named.starts_with(convnext), "{named}");
        assert!(shares["a"][named].as_f64().unwrap() > 0.0);
        assert_eq!(shares["b"][named], Value::Null, "masked");
        assert!(layer["divergence"]["mean"].as_f64().unwrap() > 0.0);
    }
    // Scored under one another, and where they part the distributions differ.
    let answers = list(&question["answers"]);
    assert_ne!(answers[0]["log_prob"], answers[0]["log_prob_other"]);
    if question["same_text"] == false {
        assert!(question["parting"]["kl_a_b"].as_f64().unwrap() > 0.0);
    }
    let (out, err) = succeed(&[&[text(&demo), text(&demo)], &SIGN[..], &["--with-b", "mask:convnext"]].concat());
    assert!(out.contains("masked") && err.contains("with mask:convnext"), "{out}{err}");
}

/// The mean share of an encoder over the cells of a layer, as a single trace says it.
fn share(trace: &Trace, layer: usize, k: usize) -> Option<f64> {
    let frame = &trace.layers[layer].frame;
    let mut values = Vec::new();
    for row in frame.rows.clone() {
        for column in frame.columns.clone() {
            let matrix = trace.matrix(Measure::Share(k), Cell { side: frame.side, row, column });
            if let Measured::Value(heads) = &matrix[layer] {
                values.push(heads.iter().sum::<f64>() / heads.len() as f64);
            }
        }
    }
    (!values.is_empty()).then(|| values.iter().sum::<f64>() / values.len() as f64)
}

fn traced(variant: &str, image: &str, folder: &Path) -> Trace {
    let out = folder.join(format!("{variant}.safetensors"));
    let checkpoint = golden(variant);
    let status = Command::new(env!("CARGO_BIN_EXE_opabinia"))
        .args(["trace", "--quiet", "-m", text(&checkpoint), "-i", image, "-p", "What is this?", "-o", text(&out)])
        .stdout(std::process::Stdio::null())
        .status()
        .unwrap();
    assert!(status.success());
    trace_file::read(&out).unwrap()
}

#[test]
fn unlike_checkpoints_are_matched_and_the_rest_is_named() {
    let folder = tempfile::tempdir().unwrap();
    let wide = image("wide.png");
    let llama = traced("tiny-llama3", &wide, folder.path());
    // Layers and encoders of A and of B that have no counterpart; whether grids differ.
    let expected = [
        ("tiny-phi3", &["C2", "C3", "S4"][..], &[][..], &["facebook/dinov2-giant-res378"][..], true),
        ("tiny-vicuna", &["C3", "S0", "S2", "S4"], &["C2.1", "C2.2"], &[], true),
        ("tiny-yi", &["C3", "S4"], &[], &[], true),
    ];
    for (variant, of_a, of_b, encoders, resampled) in expected {
        let report =
            ask(&golden("tiny-llama3"), &golden(variant), &["-i", &wide, "-p", "What is this?", "--max-tokens", "4"]);
        assert_eq!(report["same_tokenizer"], false, "{variant}");
        let maps = &report["questions"][0]["maps"];
        let alone = &maps["without_counterpart"];
        assert_eq!((&alone["a"]["layers"], &alone["b"]["layers"]), (&json!(of_a), &json!(of_b)), "{variant}");
        assert_eq!((&alone["a"]["encoders"], &alone["b"]["encoders"]), (&json!(encoders), &json!([])), "{variant}");
        let pairs = list(&maps["matched"]["encoders"]);
        assert_eq!(pairs.len(), 4 - encoders.len(), "{variant}");
        for pair in pairs {
            assert_eq!(pair["same_name"] == true, pair["a"] == pair["b"], "{variant}: {pair}");
        }
        // What each side says is what its own trace says.
        let other = traced(variant, &wide, folder.path());
        for layer in list(&maps["layers"]) {
            for (side, trace) in [("a", &llama), ("b", &other)] {
                let at = trace.layers.iter().position(|l| l.label == layer[side].as_str().unwrap()).unwrap();
                for (k, encoder) in trace.encoders.iter().enumerate() {
                    let (got, expected) = (layer["shares"][side][&encoder.name].as_f64(), share(trace, at, k));
                    assert!((got.unwrap() - expected.unwrap()).abs() < 1e-6, "{variant} {side} {}", encoder.name);
                }
            }
            let divergence = layer["divergence"]["mean"].as_f64().unwrap();
            assert!((0.0..=1.0).contains(&divergence), "{variant}: {divergence}");
            assert_eq!(layer["cells"]["resampled"], resampled, "{variant}");
        }
        // No probability of one vocabulary stands under the other.
        assert_eq!(report["questions"][0]["answers"][0]["log_prob_other"], Value::Null);
    }
}

#[test]
fn figures_are_drawn_again_from_their_recipes() {
    let folder = tempfile::tempdir().unwrap();
    let out = folder.path().join("figures");
    let demo = demo();
    let args = [&[text(&demo), text(&demo)], &SIGN[..], &["--with-b", "mask:convnext", "--out", text(&out)]].concat();
    let (_, err) = succeed(&args);
    let numbers: Value = serde_json::from_str(&fs::read_to_string(out.join("comparison.json")).unwrap()).unwrap();
    assert_eq!(list(&numbers["questions"]).len(), 1);
    for name in ["q001.a", "q001.b", "q001.difference"] {
        let png = out.join(format!("{name}.png"));
        // The same as text and pictures: as large, with the maps inside.
        let svg = fs::read_to_string(out.join(format!("{name}.svg"))).unwrap();
        let (width, height) = image::image_dimensions(&png).unwrap();
        assert!(svg.contains(&format!("width=\"{width}\" height=\"{height}\"")) && svg.ends_with("</svg>\n"));
        assert_eq!(svg.matches("data:image/png;base64,").count(), if name == "q001.difference" { 5 } else { 4 });
        assert!(svg.contains(">SigLIP</text>") || svg.contains("SigLIP"), "text stays text");
        assert!(err.contains(&format!("{name}.png")), "{err}");
        let again = folder.path().join("again.png");
        let recipe = out.join(format!("{name}.recipe.json"));
        let csv = folder.path().join("again.csv");
        let status = Command::new(env!("CARGO_BIN_EXE_opabinia"))
            .args(["render", "--quiet", "--recipe", text(&recipe), "-o", text(&again), "--csv", text(&csv)])
            .status()
            .unwrap();
        assert!(status.success(), "{name}");
        let pixels = |path: &Path| image::open(path).unwrap().to_rgb8();
        let (first, second) = (pixels(&png), pixels(&again));
        // The names of the sides are the person's and not the recipe's: they stand in the second line of the difference.
        if name == "q001.difference" {
            assert_eq!(first.dimensions(), second.dimensions());
            assert!(fs::read_to_string(&csv).unwrap().contains("divergence, all encoders"));
        } else {
            assert_eq!(first, second, "{name}");
        }
    }
}

#[test]
fn what_cannot_be_asked_is_refused_before_it_is_tried() {
    let (demo, folder) = (demo(), tempfile::tempdir().unwrap());
    let both = [text(&demo), text(&demo)];
    let with = |more: &[&str]| -> Vec<String> { both.iter().chain(more).map(ToString::to_string).collect() };
    let refuse = |more: &[&str], code: i32, words: &str| {
        let args = with(more);
        let args: Vec<&str> = args.iter().map(String::as_str).collect();
        let message = fail(&args, code);
        assert!(message.contains(words), "{more:?}: {message}");
    };
    let thin = folder.path().join("thin.png");
    image::RgbImage::new(400, 4).save(&thin).unwrap();
    let missing = folder.path().join("missing.png");
    refuse(&["-p", "What?", "-i", text(&thin)], 2, "A: ");
    refuse(&["-p", "What?", "-i", text(&missing)], 2, "missing.png");
    refuse(&["-p", "What?", "-i", "sample:gift", "--with-b", "mask:9"], 2, "B: ");
    refuse(&["-p", "What?", "-i", "sample:gift", "--with-a", "swap:clip"], 2, "--other");
    refuse(&["-p", "What?", "--max-tokens", "0"], 2, "max-tokens");
    refuse(&["-p", "  "], 2, "empty");
    refuse(&["-p", "a", "-p", "b", "-i", "sample:gift", "-i", "sample:vote", "-i", "sample:lamp"], 2, "3 images for 2");
    refuse(&["--with-b", "mask:clip"], 2, "--prompt");
    refuse(&["-p", "What?", "--out", text(&demo.join("figures"))], 2, "");
    let questions = folder.path().join("q.jsonl");
    fs::write(&questions, "{\"prompt\": \"What?\"}\n{\"promt\": 1}\n").unwrap();
    refuse(&["--questions", text(&questions)], 2, "line 2");
    let nowhere = folder.path().join("nowhere");
    assert!(fail(&[text(&demo), text(&nowhere), "-p", "What?"], 3).contains("nowhere"));
    assert!(!demo.join("figures").exists());
}

#[test]
fn many_questions_come_from_a_file() {
    let folder = tempfile::tempdir().unwrap();
    fs::copy(image("square.png"), folder.path().join("square.png")).unwrap();
    let file = folder.path().join("q.jsonl");
    let lines = "{\"image\": \"square.png\", \"prompt\": \"What is this?\"}\n\n{\"prompt\": \"Who are you?\"}\n";
    fs::write(&file, lines).unwrap();
    let yi = golden("tiny-yi");
    let report = ask(&yi, &yi, &["--questions", text(&file), "--max-tokens", "3", "--weights-b", "bf16"]);
    let questions = list(&report["questions"]);
    assert_eq!(questions.len(), 2);
    assert!(questions[0]["image"].as_str().unwrap().ends_with("square.png"));
    assert_eq!((&questions[1]["image"], &questions[1]["maps"]), (&Value::Null, &Value::Null));
    assert_eq!(report["sides"][1]["precision"]["weights"], "bf16");
}
