//! Which modules of a crate use which, and whether any of them need each other in a circle.
//!
//! Modules are compared with their siblings, level by level: the files and folders of one folder, each folder with everything in
//! it. The `mod.rs` of a folder stands for the folder itself, so what it defines may be used by all that lie in it; what it
//! only passes on (`pub use`) is used where it is defined.

use std::collections::{BTreeMap, BTreeSet};

/// A module by its path from the root of the crate.
type Path = Vec<String>;

/// The sources of a crate: the code of each module, without comments.
#[derive(Default)]
pub struct Sources(BTreeMap<Path, String>);

impl Sources {
    /// Adds the code of `file`, by its path below the root of the crate: `a/b.rs`, `a/mod.rs`.
    pub fn add(&mut self, file: &str, code: &str) {
        let mut path: Path = file.trim_end_matches(".rs").split('/').map(str::to_owned).collect();
        if path.last().is_some_and(|last| ["mod", "lib", "main"].contains(&last.as_str())) {
            path.pop();
        }
        self.0.entry(path).or_default().push_str(without_tests(code));
    }

    /// How many modules there are.
    pub fn count(&self) -> usize {
        self.0.len()
    }

    /// Every circle, as a list of the uses it is made of.
    pub fn circles(&self) -> Vec<String> {
        let uses = self.uses();
        let folders: BTreeSet<&[String]> =
            self.0.keys().flat_map(|path| (0..path.len()).map(|depth| &path[..depth])).collect();
        folders.into_iter().flat_map(|folder| circles_in(folder, &uses)).collect()
    }

    /// Pairs of modules of which the first names something of the second.
    fn uses(&self) -> BTreeSet<(Path, Path)> {
        let passed_on: BTreeMap<&Path, BTreeMap<String, Path>> =
            self.0.iter().map(|(module, code)| (module, passed_on(module, code))).collect();
        let named = self.0.iter().flat_map(|(module, code)| {
            let absolute = paths(code).into_iter().filter_map(|path| absolute(module, &path));
            absolute.map(|path| (module.clone(), path))
        });
        named.map(|(module, path)| (module, self.defining(path, &passed_on))).collect()
    }

    /// The module in which what is at `path` is defined.
    fn defining(&self, mut path: Path, passed_on: &BTreeMap<&Path, BTreeMap<String, Path>>) -> Path {
        // A name that is passed on and on comes to an end somewhere.
        for _ in 0..8 {
            let module =
                (0..=path.len()).rev().map(|depth| path[..depth].to_vec()).find(|path| self.0.contains_key(path));
            let module = module.unwrap_or_default();
            let next = path.get(module.len()).and_then(|name| passed_on.get(&module)?.get(name));
            match next {
                Some(next) if *next != path => {
                    path = next.iter().chain(&path[module.len() + 1..]).cloned().collect();
                }
                _ => return module,
            }
        }
        path
    }
}

/// The code before the tests of a file.
fn without_tests(code: &str) -> &str {
    let tests = code.match_indices("#[cfg(").find(|(at, _)| {
        let (condition, rest) = code[*at..].split_once("]").unwrap_or_default();
        condition.contains("test") && rest.trim_start().starts_with("mod tests {")
    });
    tests.map_or(code, |(at, _)| &code[..at])
}

/// What `module` names with `pub use`, and where that is.
fn passed_on(module: &[String], code: &str) -> BTreeMap<String, Path> {
    let mut found = BTreeMap::new();
    for line in code.split(';') {
        let Some((visible, path)) = line.rsplit_once("use ") else { continue };
        let visible = visible.trim_end().rsplit('\n').next().unwrap_or_default().trim();
        if !visible.starts_with("pub") {
            continue;
        }
        for path in expanded(path) {
            let from_here = !["crate", "self", "super"].contains(&path[0].as_str());
            let start = if from_here { vec!["self".to_owned()] } else { Vec::new() };
            let name = path[path.len() - 1].clone();
            let path: Path = start.into_iter().chain(path).collect();
            found.extend(absolute(module, &path).map(|path| (name, path)));
        }
    }
    found
}

/// Every path in `code` that begins with `crate`, `self` or `super`.
fn paths(code: &str) -> Vec<Path> {
    let starts = ["crate::", "self::", "super::"].into_iter().flat_map(|root| code.match_indices(root));
    let starts = starts.filter(|(at, _)| {
        !code[..*at].ends_with(|before: char| before.is_alphanumeric() || before == '_' || before == ':')
    });
    starts.flat_map(|(at, _)| expanded(&code[at..])).collect()
}

/// The paths of which the text begins with one: `a::{b, c::d}` is `a::b` and `a::c::d`.
fn expanded(text: &str) -> Vec<Path> {
    let mut found = Vec::new();
    expand(text, &mut Vec::new(), &mut found);
    found
}

/// Adds the paths at the beginning of `text`, each after `before`, and gives the text behind them.
fn expand<'a>(text: &'a str, before: &mut Path, found: &mut Vec<Path>) -> &'a str {
    let depth = before.len();
    let mut text = text.trim_start();
    loop {
        let name = text.len() - text.trim_start_matches(|c: char| c.is_alphanumeric() || c == '_').len();
        if name > 0 {
            before.push(text[..name].to_owned());
            text = &text[name..];
            if let Some(rest) = text.strip_prefix("::") {
                text = rest;
                continue;
            }
        } else if let Some(mut rest) = text.strip_prefix('{') {
            loop {
                rest = rest.trim_start().trim_start_matches(',').trim_start();
                let Some(character) = rest.chars().next().filter(|character| *character != '}') else { break };
                let after = expand(rest, before, found);
                // Whatever is no name is left out: `as x`, `*`.
                rest = if after.len() < rest.len() { after } else { &rest[character.len_utf8()..] };
            }
            before.truncate(depth);
            return rest.trim_start().strip_prefix('}').unwrap_or(rest);
        }
        break;
    }
    if before.len() > depth {
        found.push(before.clone());
    }
    before.truncate(depth);
    match text.trim_start().strip_prefix("as ") {
        Some(rest) => rest.trim_start_matches(|c: char| c.is_alphanumeric() || c == '_'),
        None => text,
    }
}

/// What `path` means in `module`, from the root of the crate.
fn absolute(module: &[String], path: &[String]) -> Option<Path> {
    let (first, mut rest) = path.split_first()?;
    let mut base = match first.as_str() {
        "crate" => Vec::new(),
        "self" => module.to_vec(),
        "super" => module.split_last()?.1.to_vec(),
        _ => return None,
    };
    while rest.first().is_some_and(|name| name == "super") {
        base.pop()?;
        rest = &rest[1..];
    }
    base.extend(rest.iter().cloned());
    Some(base)
}

/// The circles among what lies in `folder`.
fn circles_in(folder: &[String], uses: &BTreeSet<(Path, Path)>) -> Vec<String> {
    let mut edges: BTreeMap<&str, BTreeMap<&str, (&Path, &Path)>> = BTreeMap::new();
    for (from, to) in uses {
        let inside = |path: &Path| path.len() > folder.len() && path.starts_with(folder);
        if inside(from) && inside(to) && from[folder.len()] != to[folder.len()] {
            edges.entry(&from[folder.len()]).or_default().entry(&to[folder.len()]).or_insert((from, to));
        }
    }
    // Again and again, what uses none of the others is taken away: what is left is in a circle, or uses one.
    loop {
        let left: BTreeSet<&str> = edges.keys().copied().collect();
        edges.values_mut().for_each(|used| used.retain(|name, _| left.contains(name)));
        edges.retain(|_, used| !used.is_empty());
        if edges.len() == left.len() {
            break;
        }
    }
    let mut circles = Vec::new();
    while let Some(circle) = one_circle(&edges) {
        let steps = circle.iter().map(|(from, to)| {
            let (user, used) = edges[from][to];
            format!("{from} uses {to} ({} uses {})", user.join("::"), used.join("::"))
        });
        circles.push(format!("in {}/: {}", folder.join("/"), steps.collect::<Vec<_>>().join(", ")));
        // One of its uses less, so that the next one is found.
        let (from, to) = circle[0];
        edges.get_mut(from).unwrap().remove(to);
    }
    circles
}

/// A shortest way from a module back to it, as steps.
fn one_circle<'a>(edges: &BTreeMap<&'a str, BTreeMap<&'a str, (&Path, &Path)>>) -> Option<Vec<(&'a str, &'a str)>> {
    let ways = edges.keys().filter_map(|start| {
        let mut ways: Vec<Vec<(&str, &str)>> = edges[start].keys().map(|to| vec![(*start, *to)]).collect();
        let mut seen = BTreeSet::new();
        while !ways.is_empty() {
            if let Some(back) = ways.iter().position(|way| way[way.len() - 1].1 == *start) {
                return Some(ways.swap_remove(back));
            }
            let mut longer = Vec::new();
            for way in ways {
                let at = way[way.len() - 1].1;
                if seen.insert(at) {
                    let next = edges.get(at).into_iter().flat_map(BTreeMap::keys);
                    longer.extend(next.map(|to| way.iter().copied().chain([(at, *to)]).collect::<Vec<_>>()));
                }
            }
            ways = longer;
        }
        None
    });
    ways.min_by_key(Vec::len)
}
