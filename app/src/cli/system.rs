//! What the program asks of the system before it begins.

#[cfg(target_os = "linux")]
use std::path::Path;

/// What names the directory for sockets of this user's.
#[cfg(target_os = "linux")]
const RUNTIME_DIRECTORY: &str = "XDG_RUNTIME_DIR";

/// Begins anew with `RUNTIME_DIRECTORY` set, where it is not: a library of the graphics driver complains about that on
/// standard error, whatever it was asked. It is set to where it is on every system with systemd, there or not; others of our
/// libraries take that place for granted. A variable cannot be set from within, with other threads in the world, so the
/// program takes its own place, unless something else is what runs: started through the loader of libraries, or under another
/// name, it cannot tell how to begin anew, and the complaint stays.
pub fn name_runtime_directory() {
    #[cfg(target_os = "linux")]
    {
        use std::os::unix::fs::MetadataExt;
        use std::os::unix::process::CommandExt;
        if std::env::var_os(RUNTIME_DIRECTORY).is_some_and(|directory| Path::new(&directory).is_absolute()) {
            return;
        }
        let mut args = std::env::args_os();
        let (Some(name), Ok(program), Ok(about)) =
            (args.next(), std::env::current_exe(), std::fs::metadata("/proc/self"))
        else {
            return;
        };
        if Path::new(&name).file_name() != program.file_name() {
            return;
        }
        let directory = Path::new("/run/user").join(about.uid().to_string());
        let mut again = std::process::Command::new(program);
        let error = again.arg0(name).args(args).env(RUNTIME_DIRECTORY, directory).exec();
        // What is left is a complaint of somebody else's.
        tracing::debug!("the program cannot begin anew: {error}");
    }
}

/// Makes a file that outgrows what the system allows a failed write like any other, instead of the program's end.
pub fn survive_file_limit() {
    #[cfg(unix)]
    {
        let signal = signal_hook::consts::SIGXFSZ;
        if let Err(error) = signal_hook::flag::register(signal, std::sync::Arc::default()) {
            tracing::debug!("the limit of files is the program's end: {error}");
        }
    }
}
