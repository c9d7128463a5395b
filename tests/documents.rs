//! The documents hold what they say: links lead somewhere, the guide's commands run, its numbers are the program's, and its
//! pictures are what the program draws.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test that cannot go on has failed")]

use opabinia_forge::{Derivation, derive};
use serde_json::Value;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap().to_path_buf()
}

/// Every page of the repository.
fn pages() -> Vec<PathBuf> {
    let folders = ["", "docs", "packaging", "assets/demo/recipe"];
    let is_page = |path: &PathBuf| path.extension().is_some_and(|extension| extension == "md");
    let pages: Vec<PathBuf> = folders
        .iter()
        .flat_map(|folder| std::fs::read_dir(root().join(folder)).unwrap())
        .map(|entry| entry.unwrap().path())
        .filter(is_page)
        .collect();
    assert!(pages.len() > 6, "the pages are somewhere else: this test looks in the wrong place");
    pages
}

/// What stands in the parentheses of each `[…](…)`, outside of fenced code.
fn links(text: &str) -> Vec<&str> {
    let mut fenced = false;
    let prose = text.lines().filter(|line| {
        let fence = line.trim_start().starts_with("```");
        fenced ^= fence;
        !fenced && !fence
    });
    prose
        .flat_map(|line| line.split("](").skip(1).filter_map(|rest| rest.split_once(')')).map(|(link, _)| link))
        .collect()
}

/// The commands in a page's fenced `sh` blocks that call the program.
fn commands(text: &str) -> Vec<String> {
    let blocks = text.split("```sh\n").skip(1).map(|rest| rest.split("```").next().unwrap());
    let lines = blocks.flat_map(str::lines).filter(|line| line.starts_with("opabinia "));
    lines.map(str::to_owned).collect()
}

/// The program's arguments in `command`: words, and what stands between double quotes.
fn arguments(command: &str) -> Vec<String> {
    let mut arguments = Vec::new();
    for (at, part) in command.split('"').enumerate() {
        match at % 2 {
            0 => arguments.extend(part.split_whitespace().map(str::to_owned)),
            _ => arguments.push(part.to_owned()),
        }
    }
    arguments.split_off(1)
}

/// Runs the program in `folder` and gives its standard output.
fn run(folder: &Path, arguments: &[String]) -> String {
    let mut command = Command::new(env!("CARGO_BIN_EXE_opabinia"));
    command.args(arguments).current_dir(folder).stdin(Stdio::null());
    command.env_remove("HF_HUB_CACHE").env_remove("RUST_LOG").env("HF_HOME", "/nonexistent/opabinia-tests");
    let output = command.output().unwrap();
    let message = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{arguments:?}: {:?}\n{message}", output.status);
    String::from_utf8(output.stdout).unwrap()
}

#[test]
fn links_lead_somewhere() {
    let mut checked = 0;
    for page in pages() {
        let text = std::fs::read_to_string(&page).unwrap();
        for link in links(&text) {
            let file = link.split('#').next().unwrap();
            if file.is_empty() || file.contains("://") || file.starts_with("mailto:") {
                continue;
            }
            let target = page.parent().unwrap().join(file);
            assert!(target.exists(), "{}: the link to {link} leads nowhere", page.display());
            checked += 1;
        }
    }
    assert!(checked > 20, "only {checked} links were found: this test reads pages wrongly");
}

#[test]
fn the_reference_of_commands_is_what_the_program_prints() {
    let folder = tempfile::tempdir().unwrap();
    run(folder.path(), &["manual", "--markdown", "."].map(str::to_owned));
    let [printed, kept] = [folder.path().join("commands.md"), root().join("docs/commands.md")]
        .map(|page| std::fs::read_to_string(page).unwrap());
    if printed != kept {
        let differs = printed.lines().zip(kept.lines()).find(|(printed, kept)| printed != kept);
        panic!(
            "docs/commands.md is out of date: run `cargo run -- manual --markdown docs`. First difference: {differs:?}"
        );
    }
}

/// The number in `const NAME: u32 = …;` of a source file.
fn version(source: &str) -> Option<&str> {
    ["VERSION", "FORMAT"]
        .iter()
        .find_map(|name| source.split_once(&format!("const {name}: u32 = "))?.1.split(';').next())
}

#[test]
fn formats_have_the_versions_that_their_page_says() {
    let page = std::fs::read_to_string(root().join("docs/formats.md")).unwrap();
    let rows: Vec<Vec<&str>> = page
        .lines()
        .filter(|line| line.starts_with('|') && line.contains(".rs`"))
        .map(|line| line.trim_matches('|').split('|').map(str::trim).collect())
        .collect();
    assert!(rows.len() >= 6, "the table of versions has another shape: {rows:?}");
    for row in rows {
        let [file, .., said, defined] = row[..] else { panic!("{row:?}") };
        let source = std::fs::read_to_string(root().join(defined.trim_matches('`'))).unwrap();
        assert_eq!(Some(said), version(&source), "{file}: docs/formats.md and {defined} disagree");
    }
}

#[test]
fn the_guide_says_the_same_commands_in_both_languages() {
    let guide = |name: &str| commands(&std::fs::read_to_string(root().join("docs").join(name)).unwrap());
    assert_eq!(guide("guide.md"), guide("guide.zh.md"));
}

#[test]
fn the_guides_commands_run_and_its_pictures_are_drawn_by_them() {
    let folder = tempfile::tempdir().unwrap();
    let guide = std::fs::read_to_string(root().join("docs/guide.md")).unwrap();
    let commands = commands(&guide);
    assert!(commands.len() > 6, "the guide's commands are written in another way");
    let mut answers = Vec::new();
    for command in &commands {
        answers.push(run(folder.path(), &arguments(command)));
    }
    assert_eq!(answers[0].trim(), "2", "the first answer");
    // The table of the worked example, line by line.
    let table = answers.iter().find(|answer| answer.contains("mask:dinov2")).unwrap();
    let block = guide.split("```text\n").nth(1).unwrap().split("```").next().unwrap();
    for line in block.lines().filter(|line| !line.is_empty()) {
        assert!(table.lines().any(|printed| printed == line), "the guide prints {line:?}, the program\n{table}");
    }
    let picture = |path: PathBuf| image::open(&path).unwrap_or_else(|e| panic!("{}: {e}", path.display())).into_rgb8();
    for name in ["vote-lift.png", "encoders.png"] {
        let (drawn, shown) = (picture(folder.path().join(name)), picture(root().join("docs/pictures").join(name)));
        assert_eq!(drawn.dimensions(), shown.dimensions(), "{name}");
        // Adapters and processors round differently in the last digit; nobody sees four levels of 255.
        let apart = drawn.iter().zip(shown.iter()).filter(|(a, b)| a.abs_diff(**b) > 4).count();
        assert!(apart * 1000 <= shown.len(), "{apart} of {} values of {name} differ", shown.len());
    }
}

/// What the window looked like when its snapshots were last agreed to.
#[test]
fn the_guides_picture_of_both_sides_is_the_snapshot() {
    let read = |path: &str| std::fs::read(root().join(path)).unwrap();
    let (shown, agreed) = (read("docs/pictures/sides.png"), read("tests/snapshots/comparison_english_light.png"));
    assert!(shown == agreed, "copy tests/snapshots/comparison_english_light.png to docs/pictures/sides.png");
}

/// The forged checkpoint of the guide differs as the guide says, in both languages.
#[test]
fn the_guides_forged_checkpoint_differs_as_it_says() {
    let folder = tempfile::tempdir().unwrap();
    let (demo, moved) = (root().join("assets/demo/checkpoint"), folder.path().join("moved"));
    let perturb = vec![("model.mm_projector*".to_owned(), 0.3)];
    derive(&demo, &Derivation { perturb, ..Derivation::default() }, &moved).unwrap();
    let compare = |picture: &str, question: &str| {
        let arguments = ["compare", demo.to_str().unwrap(), moved.to_str().unwrap(), "--image", picture];
        let arguments = arguments.into_iter().chain(["--prompt", question]).map(str::to_owned);
        run(folder.path(), &arguments.collect::<Vec<_>>())
    };
    let printed = compare("sample:gift", "What does the sign say?");
    for page in ["guide.md", "guide.zh.md"] {
        let guide = std::fs::read_to_string(root().join("docs").join(page)).unwrap();
        assert!(
            guide.contains("opabinia-forge --from assets/demo/checkpoint --perturb \"model.mm_projector*=0.3\" moved")
        );
        let block = guide.split("```text\n").find(|block| block.contains("ROAD")).unwrap().split("```").next().unwrap();
        for line in block.lines().filter(|line| !line.is_empty()) {
            assert!(printed.lines().any(|said| said == line), "{page} prints {line:?}, the program\n{printed}");
        }
    }
    let half = ["--interpolate", "0.5", "--image", "sample:gift", "--prompt", "What does the sign say?"];
    let half = ["compare", demo.to_str().unwrap(), moved.to_str().unwrap()].into_iter().chain(half).map(str::to_owned);
    let half = run(folder.path(), &half.collect::<Vec<_>>());
    assert!(half.contains("  A + 0.5 (B − A)  GIFT  [log p -0.006]"), "{half}");
    let place = compare("sample:gift", "Where is the sign?");
    assert!(place.contains("  A  bottom left  [") && place.contains("  B  bottom right  ["), "{place}");
    let count = compare("sample:vote", "How many red circles are there?");
    assert!(count.contains("tokens are equal"), "{count}");
    let files = ["compare", demo.to_str().unwrap(), moved.to_str().unwrap()].map(str::to_owned);
    assert!(run(folder.path(), &files).contains("213 tensors: 185 equal bit for bit, 28 changed"));
}

/// Of attention, ConvNeXt has the most and DINOv2 the least; of the effects it is the other way round.
#[test]
fn the_encoder_off_study_has_the_numbers_of_its_page() {
    let folder = tempfile::tempdir().unwrap();
    let page = std::fs::read_to_string(root().join("docs/encoder-off.md")).unwrap();
    let command = commands(&page).into_iter().find(|command| command.starts_with("opabinia eval ")).unwrap();
    let set = root().join("assets/demo/questions").display().to_string();
    let study: Vec<String> = arguments(&command)
        .into_iter()
        .map(|argument| if argument == "assets/demo/questions" { set.clone() } else { argument })
        .collect();
    run(folder.path(), &study);
    let summary = std::fs::read_to_string(folder.path().join("study/summary.json")).unwrap();
    let summary: Value = serde_json::from_str(&summary).unwrap();
    let conditions = summary["conditions"].as_array().unwrap();
    let right = |name: &str| {
        let condition = conditions.iter().find(|condition| condition["name"] == name);
        condition.unwrap_or_else(|| panic!("{name} is no condition of the page's command"))["right"].as_u64().unwrap()
    };
    let mut rows = 0;
    for row in page.lines().filter(|line| line.starts_with("| `")) {
        let cells: Vec<&str> = row.trim_matches('|').split('|').map(str::trim).collect();
        let kind = cells[0].split('`').nth(1).unwrap();
        for (encoder, said) in ["siglip", "clip", "dinov2", "convnext"].iter().zip(&cells[1..]) {
            let name = match (kind, *encoder) {
                ("mask_context", "siglip") => "mask:siglip+context".to_owned(),
                ("mask_context", _) => format!("mask:{encoder}"),
                _ => format!("{kind}:{encoder}"),
            };
            assert_eq!(said.parse(), Ok(right(&name)), "docs/encoder-off.md, {name}");
        }
        rows += 1;
    }
    assert_eq!(rows, 3, "the table of the page has another shape");
    let sentence =
        format!("As it is, the model answers {}; without the picture, {}.", right("as_is"), right("no_image"));
    assert!(page.contains(&sentence), "docs/encoder-off.md should say: {sentence}");
    assert_eq!([right("mask:siglip"), right("context")], [60, 56], "docs/encoder-off.md says so");
}

/// The tables of the page are what the program makes of the committed numbers of every question, and what the page says of them
/// holds.
#[test]
fn the_study_of_evidence_has_the_tables_of_its_page() {
    let folder = tempfile::tempdir().unwrap();
    let page = std::fs::read_to_string(root().join("docs/evidence-study.md")).unwrap();
    let numbers = root().join("docs/evidence-study.csv").display().to_string();
    let show = |more: &[&str]| {
        let arguments = ["eval", "show", &numbers].into_iter().chain(more.iter().copied());
        run(folder.path(), &arguments.map(str::to_owned).collect::<Vec<_>>())
    };
    let printed = show(&[]);
    let rows =
        |text: &str| -> Vec<String> { text.lines().filter(|line| line.starts_with('|')).map(str::to_owned).collect() };
    assert!(rows(&printed).len() > 20, "the program prints something else: {printed}");
    assert_eq!(rows(&page), rows(&printed), "docs/evidence-study.md");
    let study: Value = serde_json::from_str(&show(&["--json"])).unwrap();
    let all = study["families"].as_array().unwrap().iter().find(|family| family["family"] == "all").unwrap();
    let questions = all["questions"].as_u64().unwrap();
    assert!(questions >= 500 && page.contains(&format!("{questions} held-out questions")), "{questions}");
    // What the page says: by intervention better than random with an interval above 0, in both directions.
    for way in ["deletion", "insertion"] {
        let orders = study["faithfulness"].as_array().unwrap();
        let effect = orders.iter().find(|one| one["order"] == "effect" && one["way"] == way).unwrap();
        assert!(effect["low"].as_f64().unwrap() > 0.0, "{effect}");
        assert_eq!(effect["questions"], questions);
    }
}

#[test]
fn attention_and_intervention_disagree_as_the_guide_says() {
    let folder = tempfile::tempdir().unwrap();
    let words = |text: &str| text.split_whitespace().map(str::to_owned).collect::<Vec<_>>();
    let question = || vec!["--prompt".to_owned(), "Where is the sign?".to_owned()];
    let trace = [words("trace --quiet --image sample:vote --out vote.safetensors"), question()].concat();
    run(folder.path(), &trace);
    let trace = opabinia_engine::probe::trace_file::read(&folder.path().join("vote.safetensors")).unwrap();
    let mut shares = vec![Vec::new(); trace.encoders.len()];
    for (at, layer) in trace.layers.iter().enumerate() {
        for (row, column) in layer.frame.rows.clone().flat_map(|row| layer.frame.columns.clone().map(move |c| (row, c)))
        {
            let numbers = trace.cell(at, row, column).unwrap();
            for (share, encoder) in shares.iter_mut().zip(&numbers.encoders) {
                share.extend(encoder.share.iter().copied());
            }
        }
    }
    let mean = |values: &Vec<f64>| values.iter().sum::<f64>() / values.len() as f64;
    let shares: Vec<String> = shares.iter().map(|share| format!("{:.0}", 100.0 * mean(share))).collect();
    assert_eq!(shares, ["10", "29", "9", "52"], "shares in percent, in the order of the encoders");

    let others = words("evidence --quiet --json --image sample:vote --with zero:convnext");
    let measured: Value = serde_json::from_str(&run(folder.path(), &[others, question()].concat())).unwrap();
    let effect = measured["interventions"][0]["delta_log_prob"].as_f64().unwrap();
    assert!((effect + 18.0).abs() < 0.5, "zero:convnext has {effect}");
}
