//! When to try again, when to give up, and how long to wait in between.

use crate::error::{Error, Result};
use crate::progress::Stop;
use std::time::{Duration, Instant};

/// Attempts without a byte of progress before giving up, and before anything was ever answered: then the machine is likely
/// not connected at all.
const TRIES: u32 = 6;
const FIRST_TRIES: u32 = 3;

/// No pause is longer, whatever a server asks for.
const LONGEST: Duration = Duration::from_secs(300);

/// Why one attempt did not work.
#[derive(Debug)]
pub(crate) enum Trouble {
    /// It may work the next time.
    Passing {
        /// What happened.
        why: String,
        /// When the server says to come again.
        after: Option<Duration>,
    },
    /// It will not.
    Lasting(Error),
}

impl Trouble {
    pub(crate) fn passing(why: impl Into<String>) -> Self {
        Self::Passing { why: why.into(), after: None }
    }
}

impl From<Error> for Trouble {
    fn from(error: Error) -> Self {
        Self::Lasting(error)
    }
}

/// The patience with one request.
#[derive(Debug)]
pub(crate) struct Patience<'a> {
    stop: &'a Stop,
    first_pause: Duration,
    tries: u32,
    /// Whether the hub has ever answered.
    connected: bool,
}

impl<'a> Patience<'a> {
    pub(crate) fn new(stop: &'a Stop, first_pause: Duration, connected: bool) -> Self {
        Self { stop, first_pause, tries: 0, connected }
    }

    /// Something arrived: the next trouble is a first one.
    pub(crate) fn renew(&mut self) {
        self.tries = 0;
        self.connected = true;
    }

    /// Waits until `what` may be tried again after `trouble`.
    ///
    /// # Errors
    /// If it is not to be tried again.
    pub(crate) fn wait(&mut self, what: &str, trouble: Trouble) -> Result<()> {
        check(self.stop)?;
        let (why, after) = match trouble {
            Trouble::Lasting(error) => return Err(error),
            Trouble::Passing { why, after } => (why, after),
        };
        self.tries += 1;
        if self.tries >= if self.connected { TRIES } else { FIRST_TRIES } {
            return Err(Error::hub(
                format!("{what}: {why}; tried {} times", self.tries),
                "check the connection (and HF_ENDPOINT and HTTPS_PROXY, if you set them), then run the same command again: it \
                 goes on where it stopped",
            ));
        }
        let pause = self.first_pause.saturating_mul(1 << (self.tries - 1).min(16));
        let pause = after.unwrap_or(pause).min(LONGEST);
        tracing::info!("{what}: {why}; again in {:.1} s", pause.as_secs_f32());
        let until = Instant::now() + pause;
        while let Some(left) = until.checked_duration_since(Instant::now()).filter(|left| !left.is_zero()) {
            check(self.stop)?;
            std::thread::sleep(left.min(Duration::from_millis(50)));
        }
        check(self.stop)
    }
}

/// Fails if the end was asked for.
pub(crate) fn check(stop: &Stop) -> Result<()> {
    if stop.is_stopped() { Err(Error::Cancelled) } else { Ok(()) }
}
