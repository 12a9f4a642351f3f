//! `Client`: asks a midreg that runs, by its control socket.

use std::fmt;
use std::io::{self, BufRead, BufReader, Write};
use std::os::unix::net::UnixStream;
use std::path::PathBuf;
use std::time::Duration;

use serde::de::DeserializeOwned;

use super::wire::{Refusal, Request, Response};

/// How long an answer may take: longer than midreg waits for its workers, and for names in a reload.
const PATIENCE: Duration = Duration::from_secs(20);

/// A connection to a midreg that runs.
#[derive(Debug)]
pub struct Client {
    reader: BufReader<UnixStream>,
}

/// Why there is no answer.
#[derive(Debug)]
pub enum ClientError {
    /// No midreg listens where it was looked for.
    Nobody(Vec<(PathBuf, io::Error)>),
    /// The connection broke.
    Broken(io::Error),
    /// The answer is not what this program understands: the other is of another version.
    Strange(String),
    /// midreg says no.
    Refused(Refusal),
}

impl Client {
    /// Connects to the first of these sockets on which somebody listens.
    ///
    /// # Errors
    ///
    /// [`ClientError::Nobody`] when nobody does.
    pub fn connect(paths: &[PathBuf]) -> Result<Self, ClientError> {
        let mut tried = Vec::new();
        for path in paths {
            match UnixStream::connect(path) {
                Ok(stream) => {
                    let limited = stream
                        .set_read_timeout(Some(PATIENCE))
                        .and_then(|()| stream.set_write_timeout(Some(PATIENCE)));
                    limited.map_err(ClientError::Broken)?;
                    let reader = BufReader::new(stream);
                    return Ok(Self { reader });
                }
                Err(error) => tried.push((path.clone(), error)),
            }
        }
        Err(ClientError::Nobody(tried))
    }

    /// Asks, and waits for the answer.
    ///
    /// # Errors
    ///
    /// There is none, or it is a refusal.
    pub fn ask<T: DeserializeOwned>(&mut self, request: &Request) -> Result<T, ClientError> {
        self.send(request).map_err(ClientError::Broken)?;
        self.hear()
    }

    /// Waits for one more answer to what was asked last.
    ///
    /// # Errors
    ///
    /// As [`Self::ask`].
    pub fn hear<T: DeserializeOwned>(&mut self) -> Result<T, ClientError> {
        let mut line = String::new();
        let read = self.reader.read_line(&mut line);
        if read.map_err(ClientError::Broken)? == 0 {
            let gone = io::Error::from(io::ErrorKind::UnexpectedEof);
            return Err(ClientError::Broken(gone));
        }
        let answer: serde_json::Result<Response<T>> = serde_json::from_str(&line);
        match answer {
            Ok(Response::Ok(answer)) => Ok(answer),
            Ok(Response::Error(refusal)) => Err(ClientError::Refused(refusal)),
            Err(error) => Err(ClientError::Strange(error.to_string())),
        }
    }

    fn send(&self, request: &Request) -> io::Result<()> {
        let mut line = serde_json::to_vec(request).map_err(io::Error::other)?;
        line.push(b'\n');
        self.reader.get_ref().write_all(&line)
    }
}

impl fmt::Display for ClientError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Nobody(tried) => {
                f.write_str("no midreg was found that runs")?;
                for (path, error) in tried {
                    write!(f, "\n  tried {}: {error}", path.display())?;
                }
                Ok(())
            }
            Self::Broken(error) => write!(f, "the connection to midreg broke: {error}"),
            Self::Strange(error) => {
                write!(
                    f,
                    "midreg's answer is not understood; is it of another version? ({error})"
                )
            }
            Self::Refused(refusal) => f.write_str(&refusal.message),
        }
    }
}

impl std::error::Error for ClientError {}
