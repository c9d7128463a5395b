//! What the program is made of, from Cargo's own description: the licences of everything in it, and a bill of materials.

use super::tree::write as write_file;
use super::{Problem, Result, output};
use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::fmt::Write;
use std::path::Path;
use std::process::Command;

/// Names of files that hold a licence, by their beginning.
const LICENCE_FILES: [&str; 6] = ["license", "licence", "copying", "notice", "copyright", "unlicense"];

/// No licence is longer.
const MAX_LICENCE: u64 = 256 << 10;

/// One package in the program.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Package {
    /// Its name.
    pub name: String,
    /// Its version.
    pub version: String,
    /// Its licence, as it says itself.
    pub licence: String,
    /// Its checksum in the registry, if it is from there.
    pub checksum: Option<String>,
    /// Its directory.
    dir: std::path::PathBuf,
}

/// The packages that are in the program on this platform: what it depends on, without tests and build scripts, sorted.
///
/// # Errors
/// If Cargo cannot be asked.
pub fn packages(source: &Path) -> Result<Vec<Package>> {
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let host = output(Command::new("rustc").arg("-vV"), "install Rust")?;
    let host = String::from_utf8_lossy(&host);
    let host = host.lines().find_map(|line| line.strip_prefix("host: ")).unwrap_or_default().to_owned();
    let args = ["metadata", "--locked", "--format-version", "1", "--filter-platform", &host];
    let described = output(Command::new(cargo).args(args).current_dir(source), "run `cargo fetch --locked` first")?;
    let metadata: Value = serde_json::from_slice(&described)
        .map_err(|error| Problem::new(format!("cargo metadata: {error}"), "update Rust"))?;
    let lock = source.join("Cargo.lock");
    let lock = std::fs::read_to_string(&lock).map_err(Problem::at(&lock))?;
    Ok(reachable(&metadata, &checksums(&lock)))
}

/// Name and version → checksum, from the text of Cargo.lock.
fn checksums(lock: &str) -> BTreeMap<(String, String), String> {
    lock.split("[[package]]")
        .filter_map(|package| {
            let field = |name: &str| {
                let line = package.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(" = \""));
                line.and_then(|value| value.strip_suffix('"')).map(str::to_owned)
            };
            Some(((field("name")?, field("version")?), field("checksum")?))
        })
        .collect()
}

/// What the package `opabinia` reaches through dependencies that end up in a program.
fn reachable(metadata: &Value, checksums: &BTreeMap<(String, String), String>) -> Vec<Package> {
    let list = |value: &Value| value.as_array().cloned().unwrap_or_default();
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let nodes: BTreeMap<String, Value> =
        list(&metadata["resolve"]["nodes"]).into_iter().map(|node| (text(&node["id"]), node)).collect();
    let known: BTreeMap<String, Value> =
        list(&metadata["packages"]).into_iter().map(|package| (text(&package["id"]), package)).collect();
    let is_macro = |id: &str| {
        let targets = known.get(id).map(|package| list(&package["targets"])).unwrap_or_default();
        targets.iter().any(|target| list(&target["kind"]).iter().any(|kind| kind == "proc-macro"))
    };
    let start = known.values().find(|package| package["name"] == "opabinia").map(|package| text(&package["id"]));
    let mut queue: VecDeque<String> = start.into_iter().collect();
    let mut seen = BTreeSet::new();
    while let Some(id) = queue.pop_front() {
        // What runs only while the program is built is not in it.
        if is_macro(&id) || !seen.insert(id.clone()) {
            continue;
        }
        for dependency in nodes.get(&id).map(|node| list(&node["deps"])).unwrap_or_default() {
            let normal = list(&dependency["dep_kinds"]).iter().any(|kind| kind["kind"].is_null());
            if normal {
                queue.push_back(text(&dependency["pkg"]));
            }
        }
    }
    let mut packages: Vec<Package> = seen
        .iter()
        .filter_map(|id| known.get(id))
        .map(|package| {
            let (name, version) = (text(&package["name"]), text(&package["version"]));
            let manifest = text(&package["manifest_path"]);
            Package {
                checksum: checksums.get(&(name.clone(), version.clone())).cloned(),
                licence: text(&package["license"]),
                dir: Path::new(&manifest).parent().unwrap_or(Path::new("")).to_path_buf(),
                name,
                version,
            }
        })
        .collect();
    packages.sort();
    packages
}

/// The licences of everything in the program: a list, and every text once.
pub fn licences(packages: &[Package]) -> String {
    let others: Vec<&Package> = packages.iter().filter(|package| package.checksum.is_some()).collect();
    let mut text =
        String::from("Opabinia is made with the work of others. Each package, its version and its licence:\n\n");
    // Writing to a string cannot fail.
    for package in &others {
        let _ = writeln!(text, "  {} {}: {}", package.name, package.version, package.licence);
    }
    let mut texts: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for package in &others {
        for licence in licence_texts(&package.dir) {
            texts.entry(licence).or_default().push(format!("{} {}", package.name, package.version));
        }
    }
    for (licence, whose) in texts {
        let line = "=".repeat(100);
        let _ = write!(text, "\n{line}\n{}\n{line}\n\n{licence}\n", whose.join(", "));
    }
    text
}

/// The texts of licences in a package's directory.
fn licence_texts(dir: &Path) -> Vec<String> {
    let entries = std::fs::read_dir(dir).into_iter().flatten().flatten();
    let mut paths: Vec<_> = entries
        .map(|entry| entry.path())
        .filter(|path| {
            let name = path.file_name().unwrap_or_default().to_string_lossy().to_lowercase();
            let short = path.metadata().is_ok_and(|about| about.is_file() && about.len() <= MAX_LICENCE);
            short && LICENCE_FILES.iter().any(|known| name.starts_with(known))
        })
        .collect();
    paths.sort();
    paths
        .iter()
        .filter_map(|path| std::fs::read_to_string(path).ok())
        .map(|text| text.replace("\r\n", "\n").trim().to_owned())
        .collect()
}

/// The bill of materials, in the form of CycloneDX 1.5. The same sources give the same bytes.
pub fn bill(packages: &[Package]) -> Value {
    let component = |package: &Package| {
        let url = format!("pkg:cargo/{}@{}", package.name, package.version);
        let mut component = json!({
            "type": "library",
            "bom-ref": url,
            "name": package.name,
            "version": package.version,
            "purl": url,
            "licenses": [{ "expression": package.licence.replace('/', " OR ") }],
        });
        if let Some(checksum) = &package.checksum {
            component["hashes"] = json!([{ "alg": "SHA-256", "content": checksum }]);
        }
        component
    };
    let own = packages.iter().find(|package| package.name == "opabinia");
    let version = own.map_or("", |package| package.version.as_str());
    json!({
        "bomFormat": "CycloneDX",
        "specVersion": "1.5",
        "version": 1,
        "metadata": { "component": { "type": "application", "name": "opabinia", "version": version } },
        "components": packages.iter().filter(|package| package.name != "opabinia").map(component).collect::<Vec<_>>(),
    })
}

/// Writes both into `dir`.
///
/// # Errors
/// If Cargo cannot be asked, or a file cannot be written.
pub fn write(source: &Path, dir: &Path) -> Result<()> {
    let packages = packages(source)?;
    write_file(&dir.join("THIRD-PARTY-LICENCES.txt"), licences(&packages).as_bytes())?;
    write_file(&dir.join("sbom.cdx.json"), format!("{:#}\n", bill(&packages)).as_bytes())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn source() -> &'static Path {
        Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap()
    }

    #[test]
    fn everything_in_the_program_is_named_and_nothing_else() {
        let packages = packages(source()).unwrap();
        let names: BTreeSet<&str> = packages.iter().map(|package| package.name.as_str()).collect();
        for name in ["opabinia", "opabinia-engine", "candle-core", "egui", "ureq", "ring", "serde"] {
            assert!(names.contains(name), "{name} is missing");
        }
        for name in ["serde_derive", "egui_kittest", "criterion", "opabinia-forge", "cc"] {
            assert!(!names.contains(name), "{name} is not in the program");
        }
        assert!(packages.iter().all(|package| !package.licence.is_empty()));
        let licences = licences(&packages);
        assert!(licences.contains("  ring ") && licences.contains("Permission is hereby granted"));
        let home = std::env::var("HOME").unwrap_or_default();
        assert!(home.len() < 2 || !licences.contains(&home), "a path of the machine it was built on");
        let bill = bill(&packages);
        assert_eq!(bill["components"].as_array().unwrap().len(), packages.len() - 1);
        let ureq = bill["components"].as_array().unwrap().iter().find(|component| component["name"] == "ureq").unwrap();
        assert_eq!(ureq["hashes"][0]["content"].as_str().unwrap().len(), 64);
    }
}
