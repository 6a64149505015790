//! The daemon, as a child.

use std::env;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{Ipv4Addr, TcpStream};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

use crate::network::Network;

/// A daemon that runs in the router. It is killed when it is dropped.
#[derive(Debug)]
pub struct Daemon {
    child: Child,
    lines: Receiver<String>,
}

/// The program that an environment variable names.
///
/// # Errors
/// If it is not set.
pub fn program(variable: &str) -> Result<PathBuf> {
    env::var_os(variable)
        .map(PathBuf::from)
        .with_context(|| format!("{variable} is not set: run `cargo xtask test traffic`"))
}

impl Daemon {
    /// Starts a program in the router and waits until it is ready.
    ///
    /// # Errors
    /// If it does not say `ready` within ten seconds.
    pub fn start(network: &Network, mut command: Command) -> Result<Daemon> {
        command.stderr(Stdio::piped()).stdin(Stdio::null());
        let mut child = network
            .router
            .enter(move || command.spawn())
            .context("the daemon cannot be started")?;
        let stderr = child.stderr.take().context("no standard error")?;
        let (sender, lines) = channel();
        thread::spawn(move || {
            for line in BufReader::new(stderr).lines().map_while(Result::ok) {
                if sender.send(line).is_err() {
                    break;
                }
            }
        });
        let daemon = Daemon { child, lines };
        daemon.wait_for("ready", Duration::from_secs(10))?;
        Ok(daemon)
    }

    /// Waits for a line that contains a text; the lines in front of it are gone then.
    ///
    /// # Errors
    /// If it does not come in time; tells what came.
    pub fn wait_for(&self, text: &str, patience: Duration) -> Result<String> {
        let end = Instant::now() + patience;
        let mut others = Vec::new();
        loop {
            let left = end.saturating_duration_since(Instant::now());
            match self.lines.recv_timeout(left) {
                Ok(line) if line.contains(text) => return Ok(line),
                Ok(line) => others.push(line),
                Err(RecvTimeoutError::Timeout) => {
                    bail!("the daemon did not say {text:?}, but {others:#?}")
                }
                Err(RecvTimeoutError::Disconnected) => {
                    bail!("the daemon ended, and said {others:#?}")
                }
            }
        }
    }

    fn signal(&self, signal: Signal) -> Result<()> {
        let id = i32::try_from(self.child.id()).context("no such process")?;
        Ok(kill(Pid::from_raw(id), signal)?)
    }

    /// Tells it to load its image anew.
    ///
    /// # Errors
    /// If it is gone.
    pub fn reload(&self) -> Result<()> {
        self.signal(Signal::SIGHUP)
    }

    /// Stops it in its tracks, until [`Daemon::resume`].
    ///
    /// # Errors
    /// If it is gone.
    pub fn pause(&self) -> Result<()> {
        self.signal(Signal::SIGSTOP)
    }

    /// Lets it go on.
    ///
    /// # Errors
    /// If it is gone.
    pub fn resume(&self) -> Result<()> {
        self.signal(Signal::SIGCONT)
    }

    /// Closes its log with the next line: who read it has gone away.
    pub fn leave_log(&mut self) {
        self.lines = channel().1;
    }

    /// The CPU time that it has used, in user and kernel.
    ///
    /// # Errors
    /// If it is gone.
    pub fn cpu_time(&self) -> Result<Duration> {
        let text = std::fs::read_to_string(format!("/proc/{}/stat", self.child.id()))?;
        // Behind the name, which is in brackets, utime and stime are fields 12 and 13.
        let (_, fields) = text.rsplit_once(')').context("no process")?;
        let fields: Vec<&str> = fields.split_whitespace().collect();
        let ticks: u64 = fields.get(11).context("no utime")?.parse::<u64>()?
            + fields.get(12).context("no stime")?.parse::<u64>()?;
        // USER_HZ is 100 on every architecture that Linux tells programs of.
        Ok(Duration::from_millis(ticks * 10))
    }

    /// Ends it.
    ///
    /// # Errors
    /// If it does not end by itself with status 0 within ten seconds.
    pub fn stop(mut self) -> Result<()> {
        self.signal(Signal::SIGTERM)?;
        let end = Instant::now() + Duration::from_secs(10);
        while Instant::now() < end {
            if let Some(status) = self.child.try_wait()? {
                let lines: Vec<String> = self.lines.iter().collect();
                if !status.success() {
                    bail!("the daemon ended with {status}: {lines:#?}");
                }
                return Ok(());
            }
            thread::sleep(Duration::from_millis(10));
        }
        bail!("the daemon did not end")
    }
}

impl Drop for Daemon {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// The counters that a daemon in the router serves on a port.
///
/// # Errors
/// If it serves none.
pub fn metrics(network: &Network, port: u16) -> Result<String> {
    network.router.enter(|| {
        let mut stream = TcpStream::connect((Ipv4Addr::LOCALHOST, port))?;
        stream.write_all(b"GET /metrics HTTP/1.1\r\nHost: localhost\r\n\r\n")?;
        let mut text = String::new();
        stream.read_to_string(&mut text)?;
        Ok(text)
    })
}
