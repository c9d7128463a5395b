//! deny.toml held against Cargo.lock and the licences of what is built: sources, banned crates, licences, duplicates.
//!
//! The RustSec advisory database is not consulted here: that takes a download from outside the crate registry. Where
//! cargo-deny is installed, `cargo deny check` reads the same deny.toml and does it.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use serde_json::Value as Json;
use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::process::Command;
use toml::{Table, Value};

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap().to_path_buf()
}

fn read(file: &str) -> Table {
    std::fs::read_to_string(root().join(file)).unwrap().parse().unwrap()
}

/// The strings of an array.
fn strings(value: &Value) -> Vec<&str> {
    value.as_array().unwrap().iter().map(|entry| entry.as_str().unwrap()).collect()
}

/// The entries of Cargo.lock.
fn locked() -> Vec<Table> {
    let lock = read("Cargo.lock");
    lock["package"].as_array().unwrap().iter().map(|package| package.as_table().unwrap().clone()).collect()
}

/// Cargo's own description of the packages built on this platform, or on all with `OPABINIA_ALL_PLATFORMS` set (which
/// may have to download the packages of the others).
fn packages() -> Vec<Json> {
    let mut command = Command::new(env!("CARGO"));
    command.current_dir(root()).args(["metadata", "--locked", "--format-version", "1"]);
    if std::env::var_os("OPABINIA_ALL_PLATFORMS").is_none() {
        let version = Command::new("rustc").arg("-vV").output().unwrap();
        let version = String::from_utf8(version.stdout).unwrap();
        let host = version.lines().find_map(|line| line.strip_prefix("host: ")).unwrap();
        command.args(["--filter-platform", host]);
    }
    let output = command.output().unwrap();
    assert!(output.status.success(), "cargo metadata: {}", String::from_utf8_lossy(&output.stderr));
    let metadata: Json = serde_json::from_slice(&output.stdout).unwrap();
    let built: BTreeSet<&str> =
        metadata["resolve"]["nodes"].as_array().unwrap().iter().map(|node| node["id"].as_str().unwrap()).collect();
    let all = metadata["packages"].as_array().unwrap();
    all.iter().filter(|package| built.contains(package["id"].as_str().unwrap())).cloned().collect()
}

/// Whether an SPDX expression can be satisfied with licences that `allowed` says yes to. `AND` binds tighter than `OR`;
/// a slash is the old way to write `OR`.
fn satisfied(expression: &str, allowed: &dyn Fn(&str) -> bool) -> bool {
    let expression = expression.trim();
    if let Some((left, right)) = split_outside(expression, " OR ").or_else(|| split_outside(expression, "/")) {
        return satisfied(left, allowed) || satisfied(right, allowed);
    }
    if let Some((left, right)) = split_outside(expression, " AND ") {
        return satisfied(left, allowed) && satisfied(right, allowed);
    }
    match expression.strip_prefix('(').and_then(|inner| inner.strip_suffix(')')) {
        Some(inner) => satisfied(inner, allowed),
        None => allowed(expression),
    }
}

/// The two sides of the first `separator` that stands outside of parentheses.
fn split_outside<'a>(text: &'a str, separator: &str) -> Option<(&'a str, &'a str)> {
    let mut depth = 0;
    for (at, character) in text.char_indices() {
        match character {
            '(' => depth += 1,
            ')' => depth -= 1,
            _ => {}
        }
        if depth == 0 && text[at..].starts_with(separator) {
            return Some((&text[..at], &text[at + separator.len()..]));
        }
    }
    None
}

#[test]
fn licence_expressions_are_read_as_spdx_means_them() {
    let mit = |name: &str| name == "MIT";
    assert!(satisfied("MIT OR GPL-3.0", &mit));
    assert!(satisfied("Apache-2.0/MIT", &mit));
    assert!(!satisfied("MIT AND GPL-3.0", &mit));
    assert!(!satisfied("(MIT OR Apache-2.0) AND Unicode-3.0", &mit));
    assert!(satisfied("GPL-3.0 AND BSD-3-Clause OR MIT", &mit));
    assert!(!satisfied("", &mit));
}

#[test]
fn every_licence_is_allowed() {
    let deny = read("deny.toml");
    let general = strings(&deny["licenses"]["allow"]);
    let exceptions: BTreeMap<&str, Vec<&str>> = deny["licenses"]["exceptions"]
        .as_array()
        .unwrap()
        .iter()
        .map(|entry| (entry["crate"].as_str().unwrap(), strings(&entry["allow"])))
        .collect();
    let refused: Vec<String> = packages()
        .iter()
        .filter_map(|package| {
            let (name, licence) = (package["name"].as_str().unwrap(), package["license"].as_str().unwrap_or(""));
            let excepted = exceptions.get(name);
            let allowed = |one: &str| general.contains(&one) || excepted.is_some_and(|more| more.contains(&one));
            (!satisfied(licence, &allowed)).then(|| format!("{name}: `{licence}`"))
        })
        .collect();
    assert!(refused.is_empty(), "licences that deny.toml does not allow: {refused:#?}");
}

#[test]
fn every_package_comes_from_the_allowed_registry() {
    let deny = read("deny.toml");
    let allowed = strings(&deny["sources"]["allow-registry"]);
    for package in locked() {
        // No source: a member of this workspace.
        let Some(source) = package.get("source") else { continue };
        let source = source.as_str().unwrap();
        let registry = source.strip_prefix("registry+");
        assert!(
            registry.is_some_and(|registry| allowed.contains(&registry)),
            "{} comes from {source}",
            package["name"]
        );
    }
}

#[test]
fn no_banned_crate_is_in_the_lock_file() {
    let deny = read("deny.toml");
    let locked: BTreeSet<String> = locked().iter().map(|package| package["name"].as_str().unwrap().into()).collect();
    for ban in deny["bans"]["deny"].as_array().unwrap() {
        let name = ban["crate"].as_str().unwrap();
        assert!(!locked.contains(name), "{name} is banned: {}", ban["reason"]);
    }
}

/// Duplicates are a warning in deny.toml; this lists them (`cargo test -- --nocapture`) and fails only if that changes.
#[test]
fn duplicate_versions_are_listed() {
    let mut versions: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for package in locked() {
        let [name, version] = ["name", "version"].map(|field| package[field].as_str().unwrap().to_string());
        versions.entry(name).or_default().push(version);
    }
    let duplicates: BTreeMap<_, _> = versions.into_iter().filter(|(_, versions)| versions.len() > 1).collect();
    for (name, versions) in &duplicates {
        println!("warning: {name} is locked in {} versions: {}", versions.len(), versions.join(", "));
    }
    let policy = read("deny.toml")["bans"]["multiple-versions"].as_str().unwrap().to_string();
    assert!(policy == "warn" || duplicates.is_empty(), "deny.toml says `{policy}`: {duplicates:?}");
}
