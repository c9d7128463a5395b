use super::*;

fn put(path: &Path, text: &str) -> Result<()> {
    write(path, |file| file.write_all(text.as_bytes()))
}

/// What is in `directory`, by name.
fn listing(directory: &Path) -> Vec<String> {
    let entries = fs::read_dir(directory).unwrap();
    let mut names: Vec<String> =
        entries.map(|entry| entry.unwrap().file_name().to_string_lossy().into_owned()).collect();
    names.sort();
    names
}

#[test]
fn a_failed_write_leaves_the_old_file_and_nothing_else() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("a");
    put(&path, "old").unwrap();
    let failed = write(&path, |file| {
        file.write_all(b"ne")?;
        Err(io::Error::other("no"))
    });
    let message = failed.unwrap_err().to_string();
    assert!(message.contains("a: cannot be written: no\n  "), "{message}");
    assert_eq!(fs::read(&path).unwrap(), b"old");
    assert_eq!(listing(dir.path()), ["a"]);
}

#[test]
fn inputs_directories_and_missing_directories_are_refused() {
    let dir = tempfile::tempdir().unwrap();
    let input = dir.path().join("in");
    fs::write(&input, "x").unwrap();
    let indirect = dir.path().join("..").join(dir.path().file_name().unwrap()).join("in");
    assert!(check(&indirect, &[&input]).unwrap_err().to_string().contains("replace the input"));
    for (path, words) in [
        (dir.path().to_path_buf(), "is a directory"),
        (dir.path().join("no/out"), "no directory"),
        (input.join("out"), "no directory"),
        (dir.path().join("new/"), "names a directory"),
        (PathBuf::new(), "names a directory"),
        (PathBuf::from("a\0b"), "cannot be written"),
    ] {
        for refused in [check(&path, &[]), put(&path, "x")] {
            let message = refused.unwrap_err().to_string();
            assert!(message.contains(words) && message.contains("\n  "), "{message}");
        }
    }
    assert!(check(&dir.path().join("out"), &[&input]).is_ok());
    assert!(check(Path::new("out"), &[]).is_ok());
    assert_eq!(listing(dir.path()), ["in"]);
}

#[test]
fn two_names_of_one_output_are_told_apart_from_two_outputs() {
    let dir = tempfile::tempdir().unwrap();
    let (one, other) = (dir.path().join("a"), dir.path().join("b"));
    let again = dir.path().join("..").join(dir.path().file_name().unwrap()).join("a");
    assert!(is_same(&one, &again) && !is_same(&one, &other));
    put(&one, "x").unwrap();
    assert!(is_same(&one, &again) && !is_same(&one, &other));
    assert!(is_same(Path::new(DASH), Path::new(DASH)) && !is_same(&one, Path::new(DASH)));
}

#[test]
fn what_is_complete_and_cannot_take_its_place_is_kept() {
    for (name, is_old) in [("new", false), ("old", true)] {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join(name);
        if is_old {
            fs::write(&path, "old").unwrap();
        }
        // Somebody else puts something there meanwhile that is not to be replaced.
        let failed = write(&path, |file| {
            if is_old {
                fs::remove_file(&path)?;
                fs::create_dir(&path)?;
            } else {
                fs::write(&path, "theirs")?;
            }
            file.write_all(b"mine")
        });
        let message = failed.unwrap_err().to_string();
        let names = listing(dir.path());
        let [kept, there] = names.as_slice() else { panic!("{names:?}") };
        assert!(kept.starts_with(PREFIX) && there == name, "{names:?}");
        assert!(message.contains(kept) && message.contains("cannot take the place of"), "{message}");
        assert_eq!(fs::read(dir.path().join(kept)).unwrap(), b"mine");
        assert!(is_old || fs::read(&path).unwrap() == b"theirs");
    }
}

#[cfg(unix)]
mod unix {
    use super::*;
    use std::io::Read;
    use std::os::unix::fs::{FileTypeExt, MetadataExt, PermissionsExt, symlink};
    use std::thread;

    fn mode(path: &Path) -> u32 {
        fs::metadata(path).unwrap().mode() & 0o7777
    }

    fn make_pipe(path: &Path) {
        assert!(std::process::Command::new("mkfifo").args(["-m", "600"]).arg(path).status().unwrap().success());
    }

    #[test]
    fn a_file_keeps_its_mode_and_owner() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("a");
        for wanted in [0o600, 0o640, 0o755, 0o666] {
            fs::write(&path, "old").unwrap();
            fs::set_permissions(&path, fs::Permissions::from_mode(wanted)).unwrap();
            // Only root can give files away; anybody else keeps theirs.
            let given = std::os::unix::fs::chown(&path, Some(12), Some(34)).is_ok();
            put(&path, "new").unwrap();
            assert_eq!(mode(&path), wanted, "{wanted:o}");
            let about = fs::metadata(&path).unwrap();
            assert!(!given || (about.uid(), about.gid()) == (12, 34), "{}:{}", about.uid(), about.gid());
            assert_eq!(fs::read(&path).unwrap(), b"new");
            fs::remove_file(&path).unwrap();
        }
        let mine = dir.path().join("mine");
        write_private(&mine, |file| file.write_all(b"x")).unwrap();
        assert_eq!(mode(&mine), 0o600);
    }

    #[test]
    fn links_are_followed_and_stay() {
        let dir = tempfile::tempdir().unwrap();
        let path = |name: &str| dir.path().join(name);
        fs::create_dir(path("far")).unwrap();
        fs::write(path("far/target"), "old").unwrap();
        symlink("far/target", path("link")).unwrap();
        symlink(path("link"), path("to-link")).unwrap();
        for name in ["link", "to-link"] {
            check(&path(name), &[]).unwrap();
            put(&path(name), name).unwrap();
            assert_eq!(fs::read_to_string(path("far/target")).unwrap(), name);
            assert!(fs::symlink_metadata(path(name)).unwrap().is_symlink());
        }
        let refused = check(&path("to-link"), &[&path("far/target")]).unwrap_err().to_string();
        assert!(refused.contains("replace the input"), "{refused}");
        assert!(is_same(&path("link"), &path("far/target")));
        assert_eq!(listing(dir.path()), ["far", "link", "to-link"]);
        assert_eq!(listing(&path("far")), ["target"]);
    }

    /// In the hub's cache a checkpoint is a directory of links to blobs.
    #[test]
    fn nothing_is_written_into_a_directory_of_inputs_nor_where_its_links_lead() {
        let dir = tempfile::tempdir().unwrap();
        let path = |name: &str| dir.path().join(name);
        fs::create_dir_all(path("snapshots/1")).unwrap();
        fs::create_dir(path("blobs")).unwrap();
        for blob in ["used", "foreign"] {
            fs::write(path("blobs").join(blob), "keep").unwrap();
        }
        symlink("../../blobs/used", path("snapshots/1/config.json")).unwrap();
        symlink("snapshots/1/config.json", path("link")).unwrap();
        symlink("snapshots/1", path("main")).unwrap();
        let inputs = [path("main")];
        let check = |name: &str| check(&path(name), &inputs.each_ref().map(PathBuf::as_path));
        for (name, words) in [
            ("snapshots/1/config.json", "it would replace the input"),
            ("main/config.json", "it would replace the input"),
            ("blobs/used", "it would replace the input"),
            ("link", "it would replace the input"),
            ("main/model.safetensors", "it would be a new file in the input"),
            ("snapshots/1/model.safetensors", "it would be a new file in the input"),
        ] {
            let message = check(name).unwrap_err().to_string();
            assert!(message.contains(words) && message.contains("main"), "{name}: {message}");
        }
        for name in ["new", "snapshots/new", "blobs/foreign"] {
            check(name).unwrap();
        }
    }

    #[test]
    fn links_that_lead_nowhere_are_refused_and_stay() {
        let dir = tempfile::tempdir().unwrap();
        let path = |name: &str| dir.path().join(name);
        symlink("nothing", path("dangling")).unwrap();
        symlink("b", path("a")).unwrap();
        symlink("a", path("b")).unwrap();
        for (name, words) in [("dangling", "link to nothing, which does not exist"), ("a", "link to b, which leads")] {
            for refused in [check(&path(name), &[]), put(&path(name), "x")] {
                let message = refused.unwrap_err().to_string();
                assert!(message.contains(words) && message.contains("remove the link"), "{message}");
            }
        }
        assert_eq!(listing(dir.path()), ["a", "b", "dangling"]);
        assert!(["a", "b", "dangling"].iter().all(|name| fs::symlink_metadata(path(name)).unwrap().is_symlink()));
    }

    #[test]
    fn hard_links_are_not_cut() {
        let dir = tempfile::tempdir().unwrap();
        let (one, other) = (dir.path().join("one"), dir.path().join("other"));
        fs::write(&one, "old").unwrap();
        fs::hard_link(&one, &other).unwrap();
        for refused in [check(&one, &[]), put(&one, "new")] {
            assert!(refused.unwrap_err().to_string().contains("2 names (hard links)"));
        }
        assert_eq!(fs::metadata(&one).unwrap().ino(), fs::metadata(&other).unwrap().ino());
        assert_eq!(fs::read(&other).unwrap(), b"old");
    }

    #[test]
    fn pipes_are_written_through_and_stay() {
        let dir = tempfile::tempdir().unwrap();
        let pipe = dir.path().join("pipe");
        make_pipe(&pipe);
        check(&pipe, &[]).unwrap();
        assert!(is_stream(&pipe) && !is_stdout(&pipe) && is_same(&pipe, &pipe));
        let reader = thread::spawn({
            let pipe = pipe.clone();
            move || {
                let mut text = String::new();
                File::open(pipe).unwrap().read_to_string(&mut text).unwrap();
                text
            }
        });
        // More than a pipe holds.
        let long = "a".repeat(1 << 20);
        put(&pipe, &long).unwrap();
        assert!(reader.join().unwrap() == long);
        assert!(fs::symlink_metadata(&pipe).unwrap().file_type().is_fifo());
    }

    #[test]
    fn a_pipe_that_nobody_reads_is_not_waited_for_long() {
        let dir = tempfile::tempdir().unwrap();
        let pipe = dir.path().join("pipe");
        make_pipe(&pipe);
        let message = put(&pipe, "x").unwrap_err().to_string();
        assert!(message.contains("nobody reads from this pipe"), "{message}");
        assert!(fs::symlink_metadata(&pipe).unwrap().file_type().is_fifo());
    }

    #[test]
    fn open_files_of_the_process_are_written_through() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("a");
        fs::write(&path, "old").unwrap();
        let open = File::options().read(true).write(true).open(&path).unwrap();
        let number = std::os::fd::AsRawFd::as_raw_fd(&open);
        let (direct, indirect) = (PathBuf::from(format!("/dev/fd/{number}")), dir.path().join("link"));
        symlink(&direct, &indirect).unwrap();
        let inode = fs::metadata(&path).unwrap().ino();
        for (name, whole) in [(&direct, "old new"), (&indirect, "old new new")] {
            assert!(is_stream(name) && check(name, &[]).is_ok());
            put(name, " new").unwrap();
            assert_eq!(fs::read_to_string(&path).unwrap(), whole);
            assert_eq!(fs::metadata(&path).unwrap().ino(), inode);
        }
        for (name, number) in [("/dev/stdout", 1), ("/proc/self/fd/2", 2), ("/dev/fd/7", 7)] {
            assert_eq!(descriptor(Path::new(name)), Some(number), "{name}");
        }
        assert!(["/dev/null", "/dev", "a", "/"].iter().all(|name| descriptor(Path::new(name)).is_none()));
    }

    #[test]
    fn two_names_of_one_open_file_are_one_output() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("a");
        let open = |path: &Path| File::options().append(true).create(true).open(path).unwrap();
        let name = |file: &File| PathBuf::from(format!("/dev/fd/{}", std::os::fd::AsRawFd::as_raw_fd(file)));
        let (one, again, other) = (open(&path), open(&path), open(&dir.path().join("b")));
        assert!(is_same(&name(&one), &name(&again)));
        assert!(is_same(&name(&one), &path), "the open file would lose its place");
        assert!(!is_same(&name(&one), &name(&other)) && !is_same(&name(&other), &path));
        assert!(is_same(Path::new("/dev/stderr"), Path::new("/dev/fd/2")));
        assert!(!is_same(Path::new("/dev/null"), Path::new("/dev/null")), "everything finds room there");
    }

    #[test]
    fn sockets_are_refused_and_stay() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("socket");
        let _listener = std::os::unix::net::UnixListener::bind(&path).unwrap();
        assert!(check(&path, &[]).unwrap_err().to_string().contains("a socket"));
        assert!(put(&path, "x").is_err());
        assert!(fs::symlink_metadata(&path).unwrap().file_type().is_socket());
    }

    /// Devices of this test's own making, where it may make some: the null device and the full one, by their numbers on Linux.
    #[cfg(target_os = "linux")]
    #[test]
    fn devices_are_written_through_and_stay() {
        use rustix::fs::{CWD, FileType, Mode, mknodat};
        let dir = tempfile::tempdir().unwrap();
        let device = |name: &str, minor| {
            let path = dir.path().join(name);
            let number = rustix::fs::makedev(1, minor);
            let made = mknodat(CWD, &path, FileType::CharacterDevice, Mode::from_raw_mode(0o600), number);
            made.ok().and_then(|()| File::options().write(true).open(&path).ok()).map(|_| path)
        };
        let (Some(null), Some(full)) = (device("null", 3), device("full", 7)) else {
            return eprintln!("note: this user may make no devices, so none are tried");
        };
        check(&null, &[]).unwrap();
        put(&null, "x").unwrap();
        let message = put(&full, "x").unwrap_err().to_string();
        assert!(message.contains("full: cannot be written") && message.contains("make room"), "{message}");
        assert!(!message.contains("unchanged"), "what was written through is gone: {message}");
        for path in [null, full] {
            assert!(fs::symlink_metadata(path).unwrap().file_type().is_char_device());
        }
        assert_eq!(listing(dir.path()), ["full", "null"]);
    }

    /// A file that must not be written stays, though its directory would let it be replaced.
    #[test]
    fn files_that_may_not_be_written_are_not_replaced() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("a");
        fs::write(&path, "old").unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o444)).unwrap();
        if File::options().write(true).open(&path).is_ok() {
            return eprintln!("note: to this user no file is read-only, so none is tried");
        }
        assert!(check(&path, &[]).is_err() && put(&path, "new").is_err());
        assert_eq!(fs::read(&path).unwrap(), b"old");
    }
}
