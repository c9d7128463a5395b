//! The invariants of ARCHITECTURE.md: what the parts of this house never do.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

#[path = "architecture/circles.rs"]
mod circles;

use circles::Sources;
use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};
use toml::{Table, Value};

/// The members of the workspace.
const MEMBERS: [&str; 8] =
    ["engine", "engine/hub", "engine/trace", "engine/eval", "shaders", "app", "forge", "packaging"];

/// The only files that may hold unsafe code, each block with its `SAFETY` comment (which clippy demands): the mapping of
/// files, products in vector instructions that not every processor has, the columns of a product that each core writes, the
/// call of the f32 matrix product, and the environment that candle reads.
const UNSAFE_FILES: [&str; 9] = [
    "engine/src/checkpoint/map.rs",
    "engine/src/nn/avx2.rs",
    "engine/src/nn/avx512.rs",
    "engine/src/nn/avx512_attention.rs",
    "engine/src/nn/avx512_bf16.rs",
    "engine/src/nn/avx512_many.rs",
    "engine/src/nn/columns.rs",
    "engine/src/nn/gemm.rs",
    "engine/src/threads.rs",
];

/// Crates of windows and screens.
const SCREEN: [&str; 7] = ["egui", "eframe", "wgpu", "winit", "rfd", "naga", "opabinia-shaders"];

/// Crates of tensors.
const TENSORS: [&str; 4] = ["candle-core", "candle-nn", "candle-transformers", "gemm"];

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap().to_path_buf()
}

/// Every crate that `member` names in any of its dependency tables.
fn dependencies(member: &str) -> BTreeSet<String> {
    let manifest: Table = fs::read_to_string(root().join(member).join("Cargo.toml")).unwrap().parse().unwrap();
    let mut names = BTreeSet::new();
    collect_dependencies(&manifest, &mut names);
    assert!(!names.is_empty(), "{member} has no dependencies: this test reads its manifest wrongly");
    names
}

/// Goes down into `[target.….dependencies]` too.
fn collect_dependencies(table: &Table, names: &mut BTreeSet<String>) {
    for (key, value) in table {
        let Value::Table(inner) = value else { continue };
        if key.ends_with("dependencies") {
            names.extend(inner.keys().cloned());
        } else {
            collect_dependencies(inner, names);
        }
    }
}

fn assert_never_names(member: &str, banned: &[&str]) {
    let named: Vec<String> = dependencies(member).into_iter().filter(|name| banned.contains(&name.as_str())).collect();
    assert!(named.is_empty(), "{member}/Cargo.toml names {named:?}");
}

/// The files below `dir` for which `wanted` holds, without build products and recorded data.
fn files(dir: &Path, wanted: &dyn Fn(&Path) -> bool) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in fs::read_dir(dir).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_name().unwrap().to_string_lossy().into_owned();
        let skipped = ["target", "goldens"].contains(&name.as_str()) || (name.starts_with('.') && name != ".ci");
        if path.is_dir() && !skipped {
            found.extend(files(&path, wanted));
        } else if path.is_file() && !skipped && wanted(&path) {
            found.push(path);
        }
    }
    found
}

fn is_rust(path: &Path) -> bool {
    path.extension().is_some_and(|extension| extension == "rs")
}

/// The code of a Rust file without its line comments, in which anything may be named.
fn code(path: &Path) -> String {
    let text = fs::read_to_string(path).unwrap();
    text.lines().map(|line| line.split("//").next().unwrap_or("")).collect::<Vec<_>>().join("\n")
}

/// The modules of its own crate that `code` names: `crate::a::B` and `crate::{a::B, c}` name `a` and `c`.
fn named_modules(code: &str) -> BTreeSet<String> {
    modules_after("crate::", code)
}

/// The modules that `code` names after `root`.
fn modules_after(root: &str, code: &str) -> BTreeSet<String> {
    let identifier =
        |text: &str| -> String { text.trim_start().chars().take_while(|c| c.is_alphanumeric() || *c == '_').collect() };
    let mut modules = BTreeSet::new();
    for (at, path) in code.match_indices(root) {
        let rest = &code[at + path.len()..];
        let Some(group) = rest.strip_prefix('{') else {
            modules.insert(identifier(rest));
            continue;
        };
        let mut depth = 0;
        let mut starts = true;
        for (at, character) in group.char_indices() {
            match character {
                '{' => depth += 1,
                '}' if depth == 0 => break,
                '}' => depth -= 1,
                ',' if depth == 0 => starts = true,
                c if starts && !c.is_whitespace() => {
                    modules.insert(identifier(&group[at..]));
                    starts = false;
                }
                _ => {}
            }
        }
    }
    modules
}

/// The files of an engine module: `module.rs` and everything under `module/`.
fn module_files(module: &str) -> Vec<PathBuf> {
    let source = root().join("engine/src");
    let folder = source.join(module);
    let mut found = if folder.is_dir() { files(&folder, &is_rust) } else { Vec::new() };
    found.extend(Some(source.join(format!("{module}.rs"))).filter(|file| file.is_file()));
    found
}

/// Fails if any of `modules` names any of `banned`.
fn assert_modules_never_use(modules: &[&str], banned: &[&str]) {
    for module in modules {
        for file in module_files(module) {
            let named = named_modules(&code(&file));
            let broken: Vec<&&str> = banned.iter().filter(|banned| named.contains(**banned)).collect();
            assert!(broken.is_empty(), "{} uses {broken:?}", file.display());
        }
    }
}

#[test]
fn names_of_modules_are_found_in_paths_and_groups() {
    let code = "use crate::error::Result;\nuse crate::{job::{Job, Stage}, model,\n observe::Site};\nlet x = crate::probe::f();";
    let expected = ["error", "job", "model", "observe", "probe"].map(String::from);
    assert_eq!(named_modules(code), BTreeSet::from(expected));
}

#[test]
fn engine_never_names_a_screen() {
    assert_never_names("engine", &SCREEN);
    assert_never_names("engine", &["opabinia", "clap", "indicatif"]);
}

/// Crates that talk to the network.
const NETWORK: [&str; 6] = ["ureq", "rustls", "reqwest", "hyper", "hf-hub", "curl"];

#[test]
fn only_pull_touches_the_network() {
    for member in MEMBERS.into_iter().filter(|member| *member != "engine/hub") {
        assert_never_names(member, &NETWORK);
    }
    // The feature that brings the client in is switched on by the app alone.
    for member in ["engine", "shaders", "forge"] {
        let manifest = fs::read_to_string(root().join(member).join("Cargo.toml")).unwrap();
        assert!(!manifest.contains("\"pull\""), "{member}/Cargo.toml switches the network on");
    }
    let mut naming = BTreeSet::new();
    for file in MEMBERS.into_iter().flat_map(|member| files(&root().join(member).join("src"), &is_rust)) {
        let code = code(&file);
        if code.contains("TcpStream") || code.contains("UdpSocket") || code.contains("opabinia_hub::pull") {
            naming.insert(file.strip_prefix(root()).unwrap().to_path_buf());
        }
    }
    let allowed = ["app/src/cli/pull.rs", "app/src/pulling.rs"].map(PathBuf::from);
    assert_eq!(naming, BTreeSet::from(allowed), "who else touches the network?");
}

#[test]
fn hub_never_names_tensors_or_a_screen() {
    assert_never_names("engine/hub", &TENSORS);
    assert_never_names("engine/hub", &SCREEN);
    assert_never_names("engine/hub", &["opabinia-engine", "opabinia", "clap", "indicatif"]);
}

#[test]
fn shaders_never_name_tensors_or_widgets() {
    assert_never_names("shaders", &TENSORS);
    assert_never_names("shaders", &["egui", "eframe", "winit", "rfd", "opabinia-engine"]);
}

#[test]
fn app_never_names_tensors() {
    assert_never_names("app", &TENSORS);
}

#[test]
fn forge_never_names_the_engine() {
    assert_never_names("forge", &["opabinia-engine", "opabinia-shaders", "opabinia"]);
    assert_never_names("forge", &TENSORS);
}

#[test]
fn evaluation_is_plain_data() {
    assert_never_names("engine/eval", &SCREEN);
    assert_never_names("engine/eval", &TENSORS);
    assert_never_names("engine/eval", &["opabinia-engine", "opabinia", "clap", "indicatif"]);
}

#[test]
fn building_blocks_never_see_the_model() {
    let blocks = [
        "error",
        "precision",
        "limits",
        "printable",
        "random",
        "job",
        "device",
        "cores",
        "observe",
        "nn",
        "checkpoint",
        "vision",
        "sva",
        "llm",
        "text",
    ];
    assert!(!module_files("checkpoint").is_empty() && !module_files("vision").is_empty());
    assert_modules_never_use(&blocks, &["model", "generate", "probe", "worker"]);
}

#[test]
fn app_never_runs_a_model_itself() {
    for file in files(&root().join("app/src"), &is_rust) {
        let code = code(&file);
        for banned in ["generate::Session", "generate::Run", "model::Model", "Model::load", "EncoderPool"] {
            let named =
                code.contains(&format!("opabinia_engine::{banned}")) || code.contains(&format!("engine::{banned}"));
            assert!(!named, "{} names {banned}: it asks the engine thread", file.display());
        }
    }
}

/// Interventions, names of runs, traces and measures are of this crate.
#[test]
fn the_vocabulary_of_traces_is_plain_data() {
    let named = dependencies("engine/trace");
    let plain: BTreeSet<String> = ["serde", "serde_json", "sha2", "thiserror"].map(String::from).into();
    assert!(named.is_subset(&plain), "engine/trace/Cargo.toml names {:?}", named.difference(&plain));
    let found = files(&root().join("engine/trace/src"), &is_rust);
    assert!(found.len() > 12, "the vocabulary is somewhere else: this test looks in the wrong place");
    for file in found {
        let code = code(&file);
        for banned in ["std::fs", "std::io", "std::net", "std::process"] {
            assert!(!code.contains(banned), "{} names {banned}: it is data, and opens nothing", file.display());
        }
    }
}

/// The engine and the shaders take these words from there and have none of their own for the same thing.
#[test]
fn words_of_the_vocabulary_are_defined_once() {
    let definition = |code: &str, name: &str| {
        ["struct", "enum"].iter().any(|kind| {
            code.match_indices(&format!("pub {kind} {name}"))
                .any(|(at, found)| !code[at + found.len()..].starts_with(|c: char| c.is_alphanumeric() || c == '_'))
        })
    };
    let names = [
        "Quantity",
        "Reduction",
        "Measure",
        "Frame",
        "PictureSize",
        "PixelHash",
        "ImageId",
        "SvaLayer",
        "Trace",
        "RunKey",
        "ModelId",
        "Interventions",
        "Anatomy",
        "EncoderFamily",
    ];
    for name in names {
        let mut places = Vec::new();
        for member in ["engine", "shaders"] {
            for file in files(&root().join(member), &is_rust) {
                if definition(&code(&file), name) {
                    places.push(file);
                }
            }
        }
        assert_eq!(places.len(), 1, "`{name}` is defined in {places:?}");
        assert!(places[0].starts_with(root().join("engine/trace")), "`{name}` is defined in {places:?}");
    }
}

#[test]
fn checkpoint_never_sees_the_networks() {
    assert_modules_never_use(&["error", "job", "nn", "checkpoint"], &["vision", "sva", "llm", "text"]);
}

/// Takes away, again and again, the modules that name none of the others: what is left names itself in a circle.
#[test]
fn modules_of_checkpoint_form_no_circle() {
    let folder = root().join("engine/src/checkpoint");
    let mut names: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    for file in files(&folder, &is_rust) {
        let module = file.file_stem().unwrap().to_string_lossy().into_owned();
        let code = code(&file);
        // Tests may name whatever they need.
        let code = code.split("#[cfg(test)]").next().unwrap_or_default();
        if !["mod", "faults"].contains(&module.as_str()) {
            names.insert(module, modules_after("super::", code));
        }
    }
    assert!(names.len() > 10 && names["hub"].contains("files"), "the modules are named in another way: {names:?}");
    loop {
        let left: BTreeSet<String> = names.keys().cloned().collect();
        names.retain(|_, named| !named.is_disjoint(&left));
        if names.len() == left.len() {
            break;
        }
    }
    assert!(names.is_empty(), "a circle among {:?}", names.keys());
}

#[test]
fn circles_are_found_through_groups_and_what_is_passed_on() {
    let mut sources = Sources::default();
    sources.add("lib.rs", "pub mod a; pub mod b; pub mod c;");
    sources.add("a/mod.rs", "mod x;\nmod y;\npub use x::{X, Other as Z};");
    sources.add("a/x.rs", "pub struct X;\n#[cfg(test)]\nmod tests { use super::super::y::Y; use crate::b::B; }");
    sources.add("a/y.rs", "use super::X;\nuse crate::{c::{self, C}, b as d};");
    sources.add("b.rs", "pub struct B(crate::c::C);");
    sources.add("c.rs", "");
    assert_eq!(sources.circles(), [""; 0]);
    sources.add("c.rs", "fn f(_: &super::a::X) {}");
    let found = sources.circles();
    assert!(found.len() == 2 && found[0].contains("a uses c (a::y uses c), c uses a (c uses a::x)"), "{found:?}");
    sources.add("a/x.rs", "use super::y::*;");
    let found = sources.circles();
    assert!(found.len() == 3 && found[2].starts_with("in a/: x uses y"), "{found:?}");
}

#[test]
fn modules_of_the_app_form_no_circle() {
    let folder = root().join("app/src");
    let mut sources = Sources::default();
    for file in files(&folder, &is_rust) {
        let name = file.strip_prefix(&folder).unwrap().to_string_lossy().replace('\\', "/");
        sources.add(&name, &code(&file));
    }
    assert!(sources.count() > 150, "the app is somewhere else: this test looks in the wrong place");
    let circles = sources.circles();
    assert!(circles.is_empty(), "{}", circles.join("\n"));
}

#[test]
fn networks_never_see_each_other() {
    let networks = ["vision", "sva", "llm", "text"];
    for network in networks {
        let others: Vec<&str> = networks.into_iter().filter(|other| *other != network).collect();
        assert_modules_never_use(&[network], &others);
    }
}

#[test]
fn model_never_sees_the_probes_or_the_thread() {
    assert_modules_never_use(&["model", "generate"], &["probe", "worker"]);
    assert_modules_never_use(&["probe"], &["worker"]);
}

#[test]
fn comparisons_never_run_a_model() {
    let found = module_files("compare");
    assert!(found.len() > 5, "comparisons are somewhere else: this test looks in the wrong place");
    for file in found {
        assert!(!code(&file).contains("candle"), "{} names tensors", file.display());
    }
    assert_modules_never_use(&["compare"], &["nn", "llm", "model", "worker"]);
    assert_modules_never_use(&["checkpoint", "model", "generate", "probe"], &["compare"]);
}

#[test]
fn panels_never_change_the_state() {
    let panels = files(&root().join("app/src/window/panels"), &is_rust);
    assert!(panels.len() > 4, "the panels are somewhere else: this test looks in the wrong place");
    for file in panels {
        let code = code(&file);
        for banned in ["&mut AppState", "state_mut", "window::apply", "worker::Engine", "std::fs::"] {
            assert!(!code.contains(banned), "{} names {banned}", file.display());
        }
    }
}

#[test]
fn state_never_sees_panels_or_actions() {
    for file in files(&root().join("app/src/window/state"), &is_rust) {
        let code = code(&file);
        for banned in ["window::panels", "window::action", "window::apply", "window::app", "egui::Ui"] {
            assert!(!code.contains(banned), "{} names {banned}", file.display());
        }
    }
}

#[test]
fn state_never_holds_what_lies_on_the_graphics_device() {
    let found = files(&root().join("app/src/window/state"), &is_rust);
    assert!(found.len() > 10, "the state is somewhere else: this test looks in the wrong place");
    for file in found {
        let code = code(&file);
        for banned in ["window::gpu", "super::gpu", "wgpu", "Texture", "GpuTrace", "GpuPhoto", "MapSet", "MapRenderer"]
        {
            assert!(!code.contains(banned), "{} names {banned}", file.display());
        }
    }
}

#[test]
fn unsafe_code_stays_in_its_files() {
    for member in MEMBERS {
        for file in files(&root().join(member), &is_rust) {
            let name = file.strip_prefix(root()).unwrap().to_string_lossy().replace('\\', "/");
            let code = code(&file);
            let mut words = code.split(|c: char| !c.is_alphanumeric() && c != '_');
            let found = words.any(|word| word == concat!("un", "safe"));
            assert!(!found || UNSAFE_FILES.contains(&name.as_str()), "{name} holds unsafe code");
        }
    }
}

/// The numbers after each § of `text`, as `4.2`.
fn sections(text: &str) -> impl Iterator<Item = &str> {
    text.split('§').skip(1).map(|rest| {
        let end = rest.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(rest.len());
        rest[..end].trim_end_matches('.')
    })
}

#[test]
fn sections_that_comments_cite_exist() {
    let page = fs::read_to_string(root().join("docs/model.md")).unwrap();
    let headings = page.lines().filter_map(|line| line.trim_start_matches('#').strip_prefix(' '));
    let known: BTreeSet<&str> =
        headings.filter_map(|heading| heading.split(' ').next()).map(|number| number.trim_end_matches('.')).collect();
    let mut cited = 0;
    for file in MEMBERS.into_iter().flat_map(|member| files(&root().join(member), &is_rust)) {
        let text = fs::read_to_string(&file).unwrap();
        for line in text.lines().filter(|line| line.contains('§')) {
            assert!(line.contains("docs/model.md §"), "{} cites a section of an unknown page: {line}", file.display());
            for section in sections(line) {
                assert!(known.contains(section), "{}: docs/model.md has no section {section}", file.display());
                cited += 1;
            }
        }
    }
    assert!(cited > 30, "only {cited} citations were found");
}

#[test]
fn no_file_names_a_home_directory() {
    // Written apart so that this file does not find itself.
    let homes = [concat!("/ho", "me/"), concat!("/ro", "ot/"), concat!("/Us", "ers/"), concat!("C:\\Us", "ers")];
    let readable = |path: &Path| {
        let kinds = ["rs", "toml", "md", "sh", "wgsl", "json", "txt", "desktop"];
        let extension = path.extension().map(|extension| extension.to_string_lossy().into_owned());
        extension.is_none_or(|extension| kinds.contains(&extension.as_str()))
    };
    for file in files(&root(), &readable) {
        let Ok(text) = fs::read_to_string(&file) else { continue };
        for home in homes {
            assert!(!text.contains(home), "{} names {home}", file.display());
        }
    }
}

#[test]
fn every_invariant_on_the_architecture_page_is_held_by_a_test_that_exists() {
    let page = fs::read_to_string(root().join("ARCHITECTURE.md")).unwrap();
    let tests = fs::read_to_string(root().join("tests/architecture.rs")).unwrap();
    let (_, section) = page.split_once("## Invariants").unwrap();
    let section = section.split("\n## ").next().unwrap();
    let mut bullets = 0;
    for bullet in section.split("\n- ").skip(1) {
        let bullet = bullet.split("\n\n").next().unwrap();
        let name = bullet.rsplit('`').nth(1).unwrap();
        let exists = tests.contains(&format!("fn {name}()"));
        assert!(exists, "no test called {name} holds: {bullet}");
        bullets += 1;
    }
    assert!(bullets >= 8, "only {bullets} invariants were found on the page");
}
