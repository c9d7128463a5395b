//! `opabinia eval`: the demo model on its own small set, as a person runs it. Numbers are counted again here, from the set and
//! the lines of the run, by a scorer of the test's own.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test that cannot go on has failed")]

use serde_json::Value;
use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::time::{Duration, Instant};

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap().to_path_buf()
}

fn set() -> PathBuf {
    root().join("assets/demo/questions")
}

/// The program with a cache of its own, and no hub cache.
fn opabinia(args: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_opabinia"));
    command.args(args).env_remove("HF_HUB_CACHE").env_remove("RUST_LOG").env_remove("RUST_BACKTRACE");
    command.env("HF_HOME", "/nonexistent/opabinia-tests").stdin(Stdio::null());
    command
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8(bytes.to_vec()).unwrap()
}

fn succeed(args: &[&str]) -> Output {
    let output = opabinia(args).output().unwrap();
    assert!(output.status.success(), "{args:?}: {:?}\n{}", output.status, text(&output.stderr));
    output
}

fn fail(args: &[&str], code: i32) -> String {
    let output = opabinia(args).output().unwrap();
    let message = text(&output.stderr);
    assert_eq!(output.status.code(), Some(code), "{args:?}: {message}");
    assert!(!message.contains("panicked"), "{message}");
    message
}

fn json(args: &[&str]) -> Value {
    serde_json::from_slice(&succeed(args).stdout).unwrap()
}

fn lines(path: &Path) -> Vec<Value> {
    let text = fs::read_to_string(path).unwrap();
    text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

/// A folder for one test.
fn scratch() -> tempfile::TempDir {
    tempfile::tempdir().unwrap()
}

fn path(directory: &tempfile::TempDir, name: &str) -> String {
    directory.path().join(name).display().to_string()
}

/// A run of the first `rows` rows of the small set.
fn eval(rows: usize, out: &str, more: &[&str]) -> Value {
    let (data, rows) = (set().display().to_string(), rows.to_string());
    json(&[&["eval", "--data", &data, "--limit", &rows, "--out", out, "--json"], more].concat())
}

/// Items that are right and all items, by task and condition, of a run: counted from its lines and the set's.
fn counted(run: &Path, condition: &str) -> BTreeMap<String, (u64, u64)> {
    let questions: BTreeMap<String, Value> =
        lines(&set().join("questions.jsonl")).into_iter().map(|q| (q["idx"].to_string(), q)).collect();
    let mut tasks: BTreeMap<String, (u64, u64)> = BTreeMap::new();
    for record in lines(&run.join("merged.jsonl")) {
        let question = &questions[record["idx"].as_str().unwrap()];
        let outcome = &record["conditions"][condition];
        let choices = question["choices"].as_array().unwrap();
        let answer = question["answer"].as_str().unwrap();
        let letter = answer.trim_matches(['(', ')']).bytes().next().unwrap();
        let expected = &choices[usize::from(letter - b'A')];
        let right = match outcome.get("log_probs") {
            Some(log_probs) => {
                let log_probs: Vec<f64> = log_probs.as_array().unwrap().iter().map(|p| p.as_f64().unwrap()).collect();
                assert_eq!(log_probs.len(), choices.len());
                let best = log_probs.iter().copied().fold(f64::NEG_INFINITY, f64::max);
                let first = log_probs.iter().position(|p| *p == best).unwrap();
                &choices[first] == expected
            }
            None => outcome["text"] == *expected,
        };
        assert_eq!(outcome["right"], right, "{record}");
        let task = tasks.entry(question["task"].as_str().unwrap().to_owned()).or_default();
        task.0 += u64::from(right);
        task.1 += 1;
    }
    tasks
}

fn condition<'a>(summary: &'a Value, name: &str) -> &'a Value {
    summary["conditions"].as_array().unwrap().iter().find(|one| one["name"] == name).unwrap()
}

fn assert_counted(summary: &Value, run: &Path, name: &str) {
    let tasks = &condition(summary, name)["tasks"];
    let counted = counted(run, name);
    assert_eq!(tasks.as_object().unwrap().len(), counted.len());
    for (task, (right, of)) in counted {
        assert_eq!(
            (tasks[&task]["right"].as_u64(), tasks[&task]["of"].as_u64()),
            (Some(right), Some(of)),
            "{name} {task}"
        );
    }
}

#[test]
fn accuracy_is_what_another_scorer_counts_and_vision_matters() {
    let directory = scratch();
    let out = path(&directory, "run");
    let summary = eval(60, &out, &[]);
    let names: Vec<&str> =
        summary["conditions"].as_array().unwrap().iter().map(|one| one["name"].as_str().unwrap()).collect();
    assert_eq!(names.len(), 6, "{names:?}");
    for name in &names {
        assert_counted(&summary, Path::new(&out), name);
    }
    // 98.8 % of questions are right in PyTorch with free answers; among options it can hardly be less.
    assert!(condition(&summary, "as_is")["accuracy"].as_f64().unwrap() > 0.9, "{summary:#}");
    // Answers are balanced: without a picture there is nothing to know. 60 questions leave 12 points of chance.
    let (blind, chance) = (&condition(&summary, "no_image")["accuracy"], &summary["chance"]);
    assert!((blind.as_f64().unwrap() - chance.as_f64().unwrap()).abs() < 0.2, "{blind} {chance}");
    assert_eq!(summary["encoders"].as_array().unwrap().len(), 4);
    // Masking ConvNeXt costs most of it, as the recipe found.
    let cur = |name: &str| {
        let encoders = summary["encoders"].as_array().unwrap();
        encoders.iter().find(|one| one["name"] == name).unwrap()["cur"].as_f64().unwrap()
    };
    assert!(cur("ConvNeXt") > 0.2 && cur("ConvNeXt") > cur("CLIP"), "{:#}", summary["encoders"]);
    // The page says the same.
    let page = fs::read_to_string(Path::new(&out).join("summary.md")).unwrap();
    let right = condition(&summary, "as_is")["accuracy"].as_f64().unwrap();
    assert!(page.contains(&format!("| as_is | {:.1} [", 100.0 * right)), "{page}");
    let shown = json(&["eval", "show", &out, "--json"]);
    assert_eq!(shown, summary);
}

#[test]
fn generated_answers_are_scored_word_for_word_and_by_letters() {
    let directory = scratch();
    let (exact, official) = (path(&directory, "exact"), path(&directory, "official"));
    let summary = eval(20, &exact, &["--protocol", "exact", "--conditions", "as_is"]);
    assert_counted(&summary, Path::new(&exact), "as_is");
    assert!(condition(&summary, "as_is")["accuracy"].as_f64().unwrap() > 0.8);
    // The demo model has never been shown letters: its words are read as the authors' code reads them.
    let summary = eval(8, &official, &["--protocol", "official", "--conditions", "as_is"]);
    for record in lines(&Path::new(&official).join("merged.jsonl")) {
        let outcome = &record["conditions"]["as_is"];
        let off: &[char] = if record["type"] == "3D" { &['.', ':', ','] } else { &['.', '(', ')'] };
        let letter = outcome["text"].as_str().unwrap().trim().trim_matches(off).chars().next();
        let count = record["choices"].as_array().unwrap().len();
        let expected = letter.and_then(|letter| (0..count).find(|at| char::from(b'A' + *at as u8) == letter));
        assert_eq!(outcome["choice"].as_u64(), expected.map(|at| at as u64), "{record}");
    }
    let (unparsed, of) = (&condition(&summary, "as_is")["unparsed"], summary["items"].as_u64().unwrap());
    assert!(unparsed.as_u64().unwrap() <= of && of == 8, "{unparsed} of {of}");
    // Its header shows the prompt and the ids of the first question.
    let header =
        fs::read_dir(&official).unwrap().flatten().find(|e| e.file_name().to_string_lossy().starts_with("header-"));
    let header: Value = serde_json::from_slice(&fs::read(header.unwrap().path()).unwrap()).unwrap();
    let prompt = header["first"]["prompt"].as_str().unwrap();
    assert!(prompt.contains("<image>") && prompt.contains("\nAnswer with the option's letter"), "{prompt}");
    assert!(header["first"]["ids"].as_array().unwrap().len() > 10);
}

#[test]
fn letters_are_scored_over_the_vocabulary_and_little_mass_is_said() {
    let directory = scratch();
    let out = path(&directory, "run");
    let summary = eval(6, &out, &["--protocol", "logprob", "--conditions", "as_is"]);
    assert_counted(&summary, Path::new(&out), "as_is");
    let mass = condition(&summary, "as_is")["mass"].as_f64().unwrap();
    assert!((0.0..0.5).contains(&mass), "{mass}: the demo model answers in words");
    let page = text(&succeed(&["eval", "show", &out]).stdout);
    assert!(page.contains("logprob-text"), "{page}");
}

/// The bytes of everything a finished run says.
fn result(run: &str) -> BTreeMap<String, Vec<u8>> {
    let files = ["merged.jsonl", "summary.json", "summary.md"];
    files.iter().map(|file| ((*file).to_owned(), fs::read(Path::new(run).join(file)).unwrap())).collect()
}

#[test]
fn a_run_that_is_killed_again_and_again_ends_like_one_that_was_not() {
    let directory = scratch();
    let (whole, killed) = (path(&directory, "whole"), path(&directory, "killed"));
    let asked = ["--conditions", "as_is,no_image,shuffled,encoders:swap"];
    eval(30, &whole, &asked);
    let data = set().display().to_string();
    let args = [&["eval", "--data", &data, "--limit", "30", "--out", &killed, "--json"], asked.as_slice()].concat();
    let kills: usize = std::env::var("OPABINIA_KILLS").map_or(4, |text| text.parse().unwrap());
    let started = Instant::now();
    let full = {
        let mut child =
            opabinia(&["eval", "--data", &data, "--limit", "30", "--out", &path(&directory, "timed"), "-q"])
                .stdout(Stdio::null())
                .stderr(Stdio::null())
                .spawn()
                .unwrap();
        child.wait().unwrap();
        started.elapsed()
    };
    let (mut before, mut random) = (0, 0x2545_f491_4f6c_dd1d_u64);
    for _ in 0..kills {
        let mut child = opabinia(&args).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
        random ^= random << 13;
        random ^= random >> 7;
        random ^= random << 17;
        std::thread::sleep(full.mul_f64(0.1 + 0.9 * (random % 1000) as f64 / 1000.0).min(Duration::from_secs(20)));
        let _ = child.kill();
        child.wait().unwrap();
        let file = Path::new(&killed).join("items-0-of-1.jsonl");
        let finished = fs::read(&file).map_or(0, |bytes| bytes.iter().filter(|byte| **byte == b'\n').count());
        assert!(finished >= before, "{before} lines were there, and now {finished}");
        before = finished;
        // What a loss of power can leave behind.
        if finished > 1 && finished.is_multiple_of(2) {
            let mut bytes = fs::read(&file).unwrap();
            bytes.extend_from_slice(b"{\"row\":3,\"idx\":\"3\",\"ta");
            fs::write(&file, bytes).unwrap();
        }
    }
    succeed(&args);
    assert!(result(&whole) == result(&killed), "{whole} and {killed} are not the same");
}

#[test]
fn shards_put_together_equal_the_whole() {
    let directory = scratch();
    let (whole, parts) = (path(&directory, "whole"), path(&directory, "parts"));
    let asked = ["--conditions", "as_is,no_image,swap:convnext"];
    eval(15, &whole, &asked);
    eval(15, &parts, &[asked.as_slice(), &["--shard", "0/3"]].concat());
    eval(15, &parts, &[asked.as_slice(), &["--shard", "2/3"]].concat());
    let message = fail(&["eval", "merge", &parts], 2);
    assert!(message.contains("in the shards 1") && message.contains("--shard $i/3"), "{message}");
    // The last one on another machine.
    let elsewhere = path(&directory, "elsewhere");
    eval(15, &elsewhere, &[asked.as_slice(), &["--shard", "1/3"]].concat());
    succeed(&["eval", "merge", &parts, &elsewhere]);
    // Headers name the number of shards, so only what was found is the same.
    let merged = |run: &str| fs::read(Path::new(run).join("merged.jsonl")).unwrap();
    assert!(merged(&whole) == merged(&parts), "{whole} and {parts} are not the same");
    // A shard of something else.
    let foreign = path(&directory, "foreign");
    eval(15, &foreign, &["--conditions", "as_is", "--shard", "1/3"]);
    let message = fail(&["eval", "merge", &parts, &foreign], 2);
    assert!(message.contains("another run") && message.contains("conditions"), "{message}");
    fs::copy(Path::new(&foreign).join("items-1-of-3.jsonl"), Path::new(&parts).join("items-1-of-3.jsonl")).unwrap();
    let message = fail(&["eval", "merge", &parts], 2);
    assert!(message.contains("items-1-of-3.jsonl") && message.contains("came from elsewhere"), "{message}");
}

#[test]
fn another_protocol_is_another_run_and_two_at_once_are_refused() {
    let directory = scratch();
    let (out, data) = (path(&directory, "run"), set().display().to_string());
    eval(3, &out, &["--conditions", "as_is"]);
    let before = result(&out);
    let args = ["eval", "--data", &data, "--limit", "3", "--out", &out, "--conditions", "as_is"];
    let message = fail(&[&args[..], &["--protocol", "exact"]].concat(), 2);
    assert!(message.contains("this is another run") && message.contains("protocol: \"exact\" here"), "{message}");
    // Somebody works on it: the system knows as long as they live.
    let file = fs::File::open(Path::new(&out).join("items-0-of-1.jsonl")).unwrap();
    file.lock().unwrap();
    let message = fail(&args, 2);
    assert!(message.contains("another process is working on shard 0/1"), "{message}");
    drop(file);
    succeed(&args);
    assert!(before == result(&out), "nothing was changed");
    let message = fail(&["eval", "--data", &data, "--out", &data, "--conditions", "as_is"], 2);
    assert!(message.contains("holds no run"), "{message}");
}

#[cfg(unix)]
#[test]
fn a_full_disk_loses_nothing() {
    let directory = scratch();
    let (out, data) = (path(&directory, "run"), set().display().to_string());
    // A limit of the size of files stands for a disk: the header fits, the items do not.
    let command = format!(
        "ulimit -f 9; exec '{}' eval --data '{data}' --limit 40 --out '{out}' --conditions as_is",
        env!("CARGO_BIN_EXE_opabinia")
    );
    // The demo checkpoint is larger than that: it has to be there already.
    succeed(&["inspect", "demo"]);
    let output = Command::new("bash").args(["-c", &command]).stdin(Stdio::null()).output().unwrap();
    let message = text(&output.stderr);
    assert_eq!(output.status.code(), Some(2), "{message}");
    assert!(message.contains("cannot be written") && message.contains("what is finished is kept"), "{message}");
    let kept = fs::read(Path::new(&out).join("items-0-of-1.jsonl")).unwrap();
    assert!(kept.ends_with(b"\n") && kept.len() > 1000, "{} bytes are left", kept.len());
    eval(40, &out, &["--conditions", "as_is"]);
    let whole = path(&directory, "whole");
    eval(40, &whole, &["--conditions", "as_is"]);
    assert!(result(&whole) == result(&out), "{whole} and {out} are not the same");
    assert!(fs::read(Path::new(&out).join("items-0-of-1.jsonl")).unwrap().starts_with(&kept));
}

#[test]
fn what_is_wrong_with_a_set_is_said_and_the_rest_goes_on() {
    let directory = scratch();
    let folder = directory.path().join("set");
    fs::create_dir_all(folder.join("images")).unwrap();
    for name in ["000000.png", "000001.png"] {
        fs::copy(set().join("images").join(name), folder.join("images").join(name)).unwrap();
    }
    fs::write(folder.join("images/broken.png"), b"\x89PNG\r\n\x1a\nnothing").unwrap();
    let question = |idx: &str, file: &str, answer: &str| {
        format!(
            "{{\"idx\":{idx},\"filename\":\"{file}\",\"task\":\"t\",\"question\":\"Is there a sign?\",\"choices\":[\"yes\",\"no\"],\
             \"answer\":\"{answer}\"}}\n"
        )
    };
    let rows = [
        question("1", "images/000000.png", "(A)"),
        question("1", "images/000000.png", "(B)"),
        question("2", "images/missing.png", "(A)"),
        question("3", "../set/images/000000.png", "(A)"),
        question("4", "images/000000.png", "maybe"),
        question("5", "images/broken.png", "(A)"),
        "this is no JSON\n".into(),
        question("6", "images/000001.png", "no"),
        format!("{{\"idx\":7,\"question\":\"{}\"}}\n", "x".repeat(2 << 20)),
        "{\"idx\": 8, \"filename\": \"images/0000".into(),
    ];
    fs::write(folder.join("questions.jsonl"), rows.concat()).unwrap();
    let (out, data) = (path(&directory, "run"), folder.display().to_string());
    let summary = json(&["eval", "--data", &data, "--out", &out, "--conditions", "as_is", "--json"]);
    assert_eq!((summary["items"].as_u64(), summary["unanswered"].as_u64()), (Some(2), Some(1)), "{summary:#}");
    let reasons = &summary["skipped_reasons"];
    for reason in [
        "its idx was there before",
        "its picture is missing",
        "its picture lies outside of the set's folder",
        "its answer is not among its options",
        "its line is too long",
    ] {
        assert_eq!(reasons[reason].as_u64(), Some(1), "{reason}: {reasons:#}");
    }
    assert_eq!(reasons["it is no JSON object, or half of one"].as_u64(), Some(2), "{reasons:#}");
    let broken: Vec<Value> =
        lines(&Path::new(&out).join("merged.jsonl")).into_iter().filter(|line| line["idx"] == "5").collect();
    assert!(broken[0]["unanswered"].as_str().unwrap().contains("picture"), "{broken:?}");
    let page = text(&succeed(&["eval", "show", &out]).stdout);
    assert!(page.contains("- `5` could not be asked: its picture: "), "{page}");
    fs::write(folder.join("questions.jsonl"), "").unwrap();
    let message = fail(&["eval", "--data", &data, "--out", &out], 2);
    assert!(message.contains("no question in it"), "{message}");
    let message = fail(&["eval", "--data", "nobody/Nothing", "--out", &out], 2);
    assert!(message.contains("nothing is downloaded"), "{message}");
}

#[test]
fn two_runs_are_compared_question_by_question() {
    let directory = scratch();
    let (a, b) = (path(&directory, "a"), path(&directory, "b"));
    eval(12, &a, &["--conditions", "as_is,no_image"]);
    eval(12, &b, &["--conditions", "as_is,no_image", "--seed", "1"]);
    let compared = json(&["eval", "show", &a, &b, "--json"]);
    let found = &compared["conditions"][0];
    assert_eq!((found["only_first"].as_u64(), found["only_second"].as_u64()), (Some(0), Some(0)), "{compared:#}");
    assert_eq!(compared["items"].as_u64(), Some(12));
    let c = path(&directory, "c");
    eval(12, &c, &["--conditions", "as_is", "--protocol", "exact"]);
    let message = fail(&["eval", "show", &a, &c], 2);
    assert!(message.contains("different protocols"), "{message}");
    // The formats of other programs.
    let inspect = json(&["eval", "show", &a, "--format", "inspect", "--condition", "no_image"]);
    assert_eq!((inspect["version"].as_u64(), inspect["samples"].as_array().unwrap().len()), (Some(2), 12));
    let samples = text(&succeed(&["eval", "show", &a, "--format", "lmms-eval"]).stdout);
    let first: Value = serde_json::from_str(samples.lines().next().unwrap()).unwrap();
    assert!(first["resps"][0][0].is_string() && first["target"].is_string(), "{first:#}");
    let csv = text(&succeed(&["eval", "show", &a, "--format", "csv", "--where", "as_is=right"]).stdout);
    assert!(csv.lines().count() > 2 && csv.starts_with("idx,type,task"), "{csv}");
    let message = fail(&["eval", "show", &a, "--where", "colour=red"], 2);
    assert!(message.contains("there is no field or condition `colour`"), "{message}");
}

#[test]
fn an_audit_needs_no_model() {
    let data = set().display().to_string();
    let audit = json(&["eval", "audit", "--data", &data, "--json"]);
    assert_eq!(audit["items"].as_u64(), Some(60));
    assert_eq!(audit["blind"].as_array().unwrap().len(), 60);
    let chance: f64 = lines(&set().join("questions.jsonl"))
        .iter()
        .map(|question| 1.0 / question["choices"].as_array().unwrap().len() as f64)
        .sum::<f64>()
        / 60.0;
    assert!((audit["chance"].as_f64().unwrap() - chance).abs() < 1e-12);
    assert_eq!(audit, json(&["eval", "audit", "--data", &data, "--json"]), "the seed decides");
}

#[cfg(unix)]
#[test]
fn a_signal_ends_a_run_after_the_picture_in_hand_and_slurm_knows_how_to_go_on() {
    let directory = scratch();
    let (out, data) = (path(&directory, "run"), set().display().to_string());
    let args = ["eval", "--data", &data, "--out", &out, "--json"];
    let child = opabinia(&args).stdout(Stdio::null()).stderr(Stdio::piped()).spawn().unwrap();
    // Once it has something to finish.
    let file = Path::new(&out).join("items-0-of-1.jsonl");
    let until = Instant::now() + Duration::from_secs(120);
    while fs::read(&file).map_or(0, |bytes| bytes.iter().filter(|byte| **byte == b'\n').count()) < 2 {
        assert!(Instant::now() < until, "nothing is written");
        std::thread::sleep(Duration::from_millis(5));
    }
    // The shell's own command: a program of that name is not on every system.
    let signalled = Command::new("sh").args(["-c", &format!("kill -USR1 {}", child.id())]).status().unwrap();
    assert!(signalled.success());
    let output = child.wait_with_output().unwrap();
    assert_eq!(output.status.code(), Some(75), "{}", text(&output.stderr));
    assert!(text(&output.stderr).contains("stopped by a signal"), "{}", text(&output.stderr));
    let line = text(
        &succeed(&[
            "eval",
            "slurm",
            &out,
            "--array",
            "8%2",
            "--partition",
            "gpu",
            "--gres",
            "gpu:1",
            "--data",
            &data,
            "--conditions",
            "as_is,no_image",
        ])
        .stdout,
    );
    assert!(
        line.starts_with("sbatch --dependency=afterok:$(sbatch --parsable ") && line.ends_with("slurm-merge.sh\n"),
        "{line}"
    );
    let script = fs::read_to_string(Path::new(&out).join("slurm-array.sh")).unwrap();
    for needed in [
        "#SBATCH --array=0-7%2\n",
        "#SBATCH --requeue\n",
        "#SBATCH --signal=B:USR1@120\n",
        "#SBATCH --open-mode=append\n",
        "#SBATCH --gres=gpu:1\n",
        "--shard \"$SLURM_ARRAY_TASK_ID/8\"",
    ] {
        assert!(script.contains(needed), "{needed}\n{script}");
    }
    // A shell can read it.
    let checked = Command::new("bash").args(["-n", &format!("{out}/slurm-array.sh")]).status().unwrap();
    assert!(checked.success());
}

#[test]
fn benchmarks_are_correlated_from_a_table_and_from_runs() {
    let directory = scratch();
    let examples = root().join("assets/demo/benchmarks");
    let table = examples.join("demo-scores.csv").display().to_string();
    let groups = examples.join("demo-groups.csv").display().to_string();
    let found = json(&["eval", "correlate", &table, "--json"]);
    let benchmarks = found["benchmarks"].as_array().unwrap().len();
    assert_eq!((benchmarks, found["tree"].as_array().unwrap().len()), (12, 11));
    assert_eq!(found["r"][0][0], 1.0);
    let explained: f64 = found["components"].as_array().unwrap().iter().map(|c| c["explained"].as_f64().unwrap()).sum();
    assert!((explained - 1.0).abs() < 1e-9, "{explained}");
    for ending in ["png", "svg", "csv", "json"] {
        let file = path(&directory, &format!("figure.{ending}"));
        succeed(&["eval", "correlate", &table, "--groups", &groups, "-o", &file]);
        assert!(fs::metadata(&file).unwrap().len() > 500, "{file}");
    }
    let svg = fs::read_to_string(path(&directory, "figure.svg")).unwrap();
    assert!(svg.contains("PC1 (") && svg.contains(">Attributes</text>"));
    // A run's conditions on its tasks.
    let run = path(&directory, "run");
    eval(20, &run, &["--conditions", "as_is,no_image,blank"]);
    let of_run = json(&["eval", "correlate", &run, "--json"]);
    let models: Vec<&str> = of_run["models"].as_array().unwrap().iter().map(|name| name.as_str().unwrap()).collect();
    assert_eq!(models, ["demo as_is", "demo no_image", "demo blank"]);
    // What cannot be read or written is said.
    let message = fail(&["eval", "correlate", &table, "-o", &path(&directory, "figure.gif")], 2);
    assert!(message.contains(".png, .svg, .csv or .json"), "{message}");
    let wrong = path(&directory, "wrong.csv");
    fs::write(&wrong, "model,A,B\nx,1,2\ny,2,1\n").unwrap();
    assert!(fail(&["eval", "correlate", &wrong], 2).contains("too few to correlate"));
}

#[test]
fn minimal_pairs_are_a_set_and_patching_moves_the_answer() {
    let directory = scratch();
    let pairs = root().join("assets/demo/pairs");
    let records = lines(&pairs.join("pairs.jsonl"));
    assert_eq!(records.len(), 40);
    let data = pairs.display().to_string();
    let summary =
        json(&["eval", "--data", &data, "--conditions", "as_is,no_image", "--out", &path(&directory, "run"), "--json"]);
    assert_eq!((summary["items"].as_u64(), summary["clusters"].as_u64()), (Some(40), Some(20)));
    let seen = condition(&summary, "as_is")["right"].as_u64().unwrap();
    assert!(seen >= 34, "the demo answers {seen} of 40 questions about minimal pairs");
    // Colours come through ConvNeXt: with what it saw of the partner, the answer is the partner's; with CLIP's it stays.
    let file = |name: &str| pairs.join(records[0][name].as_str().unwrap()).display().to_string();
    let (own, partner, question) = (file("filename"), file("partner"), records[0]["question"].as_str().unwrap());
    assert_eq!(records[0]["differs"], "a ring is purple instead of orange");
    for (encoder, expected) in [("convnext", "purple"), ("clip", "orange")] {
        let with = format!("swap:{encoder}");
        let found = json(&["evidence", "-i", &own, "-p", question, "--with", &with, "--other", &partner, "--json"]);
        assert_eq!(found["answer"]["text"], "orange");
        let one = &found["interventions"][0];
        let patched = if one["changes"] == true { &one["answer"]["text"] } else { &found["answer"]["text"] };
        assert_eq!(patched, expected, "{one:#}");
    }
}

#[test]
fn lmms_evals_prompt_and_first_letter_are_a_protocol_of_their_own() {
    let directory = scratch();
    let run = path(&directory, "run");
    let summary = eval(5, &run, &["--protocol", "lmms-eval", "--conditions", "as_is"]);
    assert_eq!(summary["protocol"], "lmms-eval");
    let header = fs::read_dir(&run).unwrap().map(|entry| entry.unwrap().path());
    let mut header = header.filter(|path| path.file_name().unwrap().to_string_lossy().starts_with("header-"));
    let header: Value = serde_json::from_slice(&fs::read(header.next().unwrap()).unwrap()).unwrap();
    let prompt = header["first"]["prompt"].as_str().unwrap();
    assert!(prompt.contains("Note: You only need to respond with A, B"), "{prompt}");
    assert!(prompt.contains("without providing any additional information.\n\n"), "{prompt}");
}
