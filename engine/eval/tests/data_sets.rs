//! Sets of questions in every format. The parquet files were made by pyarrow (`make_parquet.py`), not by what reads them.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use opabinia_eval::data::{Expected, QuestionSet, ReadOptions, locate};
use opabinia_eval::{Error, Result};
use std::path::{Path, PathBuf};

fn data(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data").join(name)
}

fn read_with(path: &Path, options: ReadOptions<'_>) -> Result<QuestionSet> {
    QuestionSet::read(&locate(path, &[])?, options)
}

fn read(path: &Path) -> Result<QuestionSet> {
    read_with(path, ReadOptions::default())
}

fn refused(path: &Path) -> Error {
    read(path).unwrap_err()
}

#[test]
fn parquet_with_cv_benchs_columns_is_read_row_by_row() {
    let directory = tempfile::tempdir().unwrap();
    let options = ReadOptions { limit: None, pictures_in: Some(directory.path()) };
    let set = read_with(&data("cv_bench_like.parquet"), options).unwrap();
    assert_eq!((set.items.len(), set.skipped.count()), (24, 0));
    for (index, item) in set.items.iter().enumerate() {
        assert_eq!((item.row, item.idx.clone()), (index, index.to_string()));
        let (kind, task, source) = [
            ("2D", "Count", "ADE20K"),
            ("2D", "Relation", "COCO"),
            ("3D", "Depth", "Omni3D"),
            ("3D", "Distance", "Omni3D"),
        ][index % 4];
        assert_eq!(
            (item.kind.as_deref(), item.task.as_str(), item.source.as_deref()),
            (Some(kind), task, Some(source))
        );
        assert_eq!(item.cluster, format!("{source}/{:06}.jpg", index / 8));
        assert_eq!(item.question, format!("Question {index}: which one?"));
        let count = if task == "Count" { 4 } else { 2 };
        assert_eq!(item.choices.len(), count);
        assert_eq!(item.expected, Expected::Option(index / 4 % count));
        assert!(item.prompt.as_deref().unwrap().starts_with(&format!("{} Select from", item.question)));
        assert_eq!(item.picture, set.items[index / 2 * 2].picture, "questions in pairs are about one picture");
    }
    assert_eq!(set.pictures.len(), 12);
    let picture = set.items[7].picture;
    assert!(set.pictures.bytes(picture).unwrap().starts_with(b"\x89PNG"));
    assert!(!set.is_cv_bench());
    assert!(set.notes.iter().any(|note| note.contains("not the rows of CV-Bench as published")), "{:?}", set.notes);
    assert!(directory.path().read_dir().unwrap().next().is_none(), "the file of pictures has no name");
}

#[test]
fn other_codecs_are_read_or_named() {
    for name in ["uncompressed.parquet", "gzip.parquet"] {
        assert_eq!(read(&data(name)).unwrap().items.len(), 6, "{name}");
    }
    let error = refused(&data("zstd.parquet")).to_string();
    assert!(error.contains("zstd.parquet") && error.to_lowercase().contains("zstd"), "{error}");
}

#[test]
fn pictures_may_be_texts_in_base64() {
    let directory = tempfile::tempdir().unwrap();
    let options = ReadOptions { limit: None, pictures_in: Some(directory.path()) };
    let set = read_with(&data("base64.parquet"), options).unwrap();
    let plain = read_with(&data("uncompressed.parquet"), options).unwrap();
    let reasons: Vec<&str> = set.skipped.reasons.keys().map(String::as_str).collect();
    assert_eq!(reasons, ["its picture is empty or too large", "its picture is no base64"]);
    assert_eq!(set.items.iter().map(|item| item.row).collect::<Vec<_>>(), [0, 1, 4, 5]);
    for item in &set.items {
        let same = plain.items.iter().find(|other| other.row == item.row).unwrap();
        assert_eq!(item.picture, same.picture, "row {}", item.row);
        assert_eq!(set.pictures.bytes(item.picture).unwrap(), plain.pictures.bytes(same.picture).unwrap());
    }
}

#[test]
fn a_page_that_grows_a_thousandfold_is_refused_before_it_is_read() {
    assert!(data("long_text.parquet").metadata().unwrap().len() < 200_000);
    let error = refused(&data("long_text.parquet")).to_string();
    assert!(error.contains("column `question`") && error.contains("more than 64 MiB"), "{error}");
}

#[test]
fn only_what_matters_changes_the_fingerprint() {
    let whole = read(&data("cv_bench_like.parquet")).unwrap();
    let options = ReadOptions { limit: Some(6), pictures_in: None };
    let first = read_with(&data("cv_bench_like.parquet"), options).unwrap();
    assert_ne!(whole.fingerprint, first.fingerprint);
    assert_ne!(
        read(&data("gzip.parquet")).unwrap().fingerprint,
        read(&data("cv_bench_like.parquet")).unwrap().fingerprint
    );
    assert_eq!(
        read(&data("gzip.parquet")).unwrap().fingerprint,
        read(&data("uncompressed.parquet")).unwrap().fingerprint
    );
}

#[test]
fn a_parquet_file_that_was_cut_off_or_changed_is_refused_without_a_panic() {
    let directory = tempfile::tempdir().unwrap();
    let whole = std::fs::read(data("cv_bench_like.parquet")).unwrap();
    let path = directory.path().join("cut.parquet");
    for length in [0, 3, 100, whole.len() / 2, whole.len() - 1] {
        std::fs::write(&path, &whole[..length]).unwrap();
        let error = refused(&path).to_string();
        assert!(error.contains("cut.parquet") && error.contains("download it again"), "{length}: {error}");
    }
    // A byte anywhere: read, refused or skipped, and never the end of the program.
    let mut seed = 1_u64;
    for _ in 0..400 {
        seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        let mut changed = whole.clone();
        changed[(seed >> 33) as usize % whole.len()] ^= 1 << (seed >> 20 & 7);
        std::fs::write(&path, &changed).unwrap();
        drop(read(&path));
    }
}

fn table(rows: &[&str]) -> (tempfile::TempDir, PathBuf) {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("set.tsv");
    std::fs::write(&path, format!("index\timage\tquestion\tA\tB\tC\tanswer\tcategory\n{}", rows.join("\n"))).unwrap();
    (directory, path)
}

#[test]
fn tables_hold_pictures_quotes_and_references() {
    let picture = STANDARD.encode([7_u8; 90]);
    let rows = [
        format!("1\t{picture}\t\"two\nlines, \"\"quoted\"\"\"\tred\tblue\t\tB\tcolour"),
        "2\t1\tand this?\tone\ttwo\tthree\tC\tcount".into(),
        "3\t9\tof a later row?\tone\ttwo\t\tA\tcount".into(),
        "4\t????notbase64????notbase64????notbase64????notbase64????notbase64????notbase64\tq\ta\tb\t\tA\tt".into(),
        "5\t1\ttoo few fields".into(),
        "6\t1\tD?\tone\ttwo\tthree\tD\tcount".into(),
    ];
    let (_directory, path) = table(&rows.each_ref().map(String::as_str));
    let set = read(&path).unwrap();
    assert_eq!(set.items.len(), 2, "{:?}", set.skipped);
    assert_eq!(set.items[0].question, "two\nlines, \"quoted\"");
    assert_eq!((set.items[0].choices.len(), set.items[0].expected.clone()), (2, Expected::Option(1)));
    assert_eq!(set.items[1].picture, set.items[0].picture);
    assert_eq!((set.items[1].choices.len(), set.items[1].task.as_str()), (3, "count"));
    let reasons: Vec<&str> = set.skipped.reasons.keys().map(String::as_str).collect();
    assert_eq!(
        reasons,
        [
            "it has not a field for each column",
            "it shares the picture of a row that is not before it",
            "its answer is not among its options",
            "its picture is no base64"
        ]
    );
}

/// Programs on Windows begin texts with a byte order mark: neither the first column nor the first row is lost by it.
#[test]
fn a_byte_order_mark_hides_nothing() {
    let picture = STANDARD.encode([7_u8; 90]);
    let (directory, tsv) = table(&[&format!("first\t{picture}\tq?\tred\tblue\t\tB\tcolour")]);
    let jsonl = directory.path().join("set.jsonl");
    std::fs::write(directory.path().join("p.png"), [7; 90]).unwrap();
    let row = r#"{"idx": "first", "filename": "p.png", "question": "q?", "choices": ["red", "blue"], "answer": "(B)"}"#;
    std::fs::write(&jsonl, row).unwrap();
    for path in [tsv, jsonl] {
        let text = std::fs::read(&path).unwrap();
        for mark in [&b""[..], b"\xef\xbb\xbf"] {
            std::fs::write(&path, [mark, &text].concat()).unwrap();
            let set = read(&path).unwrap();
            assert_eq!((set.items.len(), set.skipped.count()), (1, 0), "{}", path.display());
            assert_eq!(set.items[0].idx, "first", "{}", path.display());
        }
    }
}

#[test]
fn what_is_neither_file_nor_folder_is_not_called_missing() {
    let error = refused(Path::new("/dev/null")).to_string();
    assert!(error.contains("no file and no folder"), "{error}");
}

#[test]
fn a_field_without_an_end_is_left_out_and_takes_no_memory() {
    let picture = STANDARD.encode([7_u8; 90]);
    let bomb = format!("1\t{}\tq\ta\tb\t\tA\tt", "QUJD".repeat(20 << 20));
    let after = format!("2\t{picture}\tq\ta\tb\t\tA\tt");
    let (_directory, path) = table(&[&bomb, &after]);
    let set = read(&path).unwrap();
    assert_eq!((set.items.len(), set.items[0].idx.as_str()), (1, "2"));
    assert_eq!(set.skipped.reasons["one of its fields is too long"], 1);
}

#[test]
fn more_rows_than_fit_are_refused_and_a_part_of_them_is_not() {
    let directory = tempfile::tempdir().unwrap();
    std::fs::write(directory.path().join("a.png"), b"picture").unwrap();
    let path = directory.path().join("questions.jsonl");
    let row = "{\"filename\":\"a.png\",\"question\":\"q\",\"answer\":\"a\"}\n";
    std::fs::write(&path, row.repeat(1_000_001)).unwrap();
    let error = refused(directory.path()).to_string();
    assert!(error.contains("more than 1000000 rows") && error.contains("--limit"), "{error}");
    let options = ReadOptions { limit: Some(10), pictures_in: None };
    assert_eq!(read_with(directory.path(), options).unwrap().items.len(), 10);
}

#[test]
fn a_set_in_the_hub_cache_goes_by_its_name() {
    let cache = tempfile::tempdir().unwrap();
    let repository = cache.path().join("datasets--nyu-visionx--CV-Bench");
    let snapshot = repository.join("snapshots/abc");
    std::fs::create_dir_all(&snapshot).unwrap();
    std::fs::create_dir_all(repository.join("refs")).unwrap();
    std::fs::write(repository.join("refs/main"), "abc").unwrap();
    for name in ["test_2d.parquet", "test_3d.parquet", "test.parquet"] {
        std::fs::copy(data("gzip.parquet"), snapshot.join(name)).unwrap();
    }
    let caches = [cache.path().to_path_buf()];
    let found = locate(Path::new("nyu-visionx/CV-Bench"), &caches).unwrap();
    assert_eq!(found.files, [snapshot.join("test_2d.parquet"), snapshot.join("test_3d.parquet")]);
    assert_eq!(found.name, "nyu-visionx/CV-Bench");
    assert!(
        locate(Path::new("nyu-visionx/Else"), &caches).unwrap_err().to_string().contains("no data set of this name")
    );
    assert!(locate(Path::new("../CV-Bench"), &caches).unwrap_err().to_string().contains("no such file"));
}
