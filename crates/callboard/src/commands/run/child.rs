//! The program: started in our place, told what we are told, and its end passed on as a shell would.

use std::ffi::OsString;
use std::io;
use std::os::unix::process::ExitStatusExt as _;
use std::process::ExitStatus;

use rustix::process::{Pid, Signal, getpgrp, kill_process};
use rustix::termios::tcgetpgrp;
use tokio::process::Command;
use tokio::signal::unix::{self, SignalKind, signal};

use super::surroundings::Surroundings;
use crate::failure::{Exit, Failure};

/// Exit code when the program cannot be executed (POSIX).
const NOT_EXECUTABLE: u8 = 126;
/// Exit code when there is no such program (POSIX).
const NOT_FOUND: u8 = 127;
/// What a shell adds to the number of the signal that ended a program.
const SIGNALLED: i32 = 128;

/// A running program.
#[derive(Debug)]
pub(super) struct Child {
    process: tokio::process::Child,
    signals: Vec<(Signal, unix::Signal)>,
}

impl Child {
    /// Starts it in those surroundings, with our standard streams.
    pub(super) fn start(
        command: &[OsString],
        surroundings: &Surroundings,
    ) -> Result<Self, Failure> {
        let [program, arguments @ ..] = command else {
            return Err(Failure::new(Exit::Usage, "there is no command"));
        };
        // before the start, so that no signal is lost
        let signals =
            listen().map_err(|error| Failure::io("signals cannot be received", &error))?;
        let mut command = Command::new(program);
        let variables = surroundings.variables().iter();
        command.args(arguments).envs(variables.map(|(name, value)| (name, value)));
        let process = command.spawn().map_err(|error| {
            let absent = error.kind() == io::ErrorKind::NotFound;
            let code = if absent { NOT_FOUND } else { NOT_EXECUTABLE };
            let program = program.to_string_lossy();
            Failure::new(Exit::Program(code), format!("cannot start {program}: {error}"))
        })?;
        Ok(Self { process, signals })
    }

    /// Waits for its end and passes signals on meanwhile. The exit code.
    pub(super) async fn wait(&mut self) -> Result<u8, Failure> {
        let pid = self.process.id().and_then(|id| i32::try_from(id).ok()).and_then(Pid::from_raw);
        loop {
            let [interrupt, quit, terminate, hang_up] = self.signals.as_mut_slice() else {
                return Err(Failure::new(Exit::Io, "signals are not received"));
            };
            let signal = tokio::select! {
                ended = self.process.wait() => {
                    let status = ended.map_err(|error| Failure::io("waiting for it", &error))?;
                    return Ok(code(status));
                }
                _ = interrupt.1.recv() => interrupt.0,
                _ = quit.1.recv() => quit.0,
                _ = terminate.1.recv() => terminate.0,
                _ = hang_up.1.recv() => hang_up.0,
            };
            let typed = matches!(signal, Signal::INT | Signal::QUIT) && in_foreground();
            if let Some(pid) = pid
                && !typed
            {
                // it may have ended meanwhile, which the next round sees
                let _gone = kill_process(pid, signal);
            }
        }
    }
}

fn listen() -> io::Result<Vec<(Signal, unix::Signal)>> {
    let pairs = [
        (Signal::INT, SignalKind::interrupt()),
        (Signal::QUIT, SignalKind::quit()),
        (Signal::TERM, SignalKind::terminate()),
        (Signal::HUP, SignalKind::hangup()),
    ];
    pairs.into_iter().map(|(name, kind)| Ok((name, signal(kind)?))).collect()
}

/// Whether what is typed at the terminal goes to us, and then to the program as well: a Ctrl-C that
/// came twice would end programs that ask for a second one to stop at once.
fn in_foreground() -> bool {
    let terminal = std::fs::File::open("/dev/tty");
    terminal.is_ok_and(|terminal| tcgetpgrp(terminal).is_ok_and(|group| group == getpgrp()))
}

/// What a shell would say.
fn code(status: ExitStatus) -> u8 {
    let signalled = status.signal().map(|signal| SIGNALLED + signal);
    let code = status.code().or(signalled).and_then(|code| u8::try_from(code).ok());
    code.unwrap_or(u8::MAX)
}
