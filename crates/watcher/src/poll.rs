//! A long-running operation, asked after until it ends.

use std::time::Duration;

use azure_core::http::Method;
use serde_json::Value;

use crate::error::{Error, Result};
use crate::operation::{Place, Rules, Step};
use crate::wire::Wire;

/// An operation that goes on. Dropping it leaves it as it is.
#[derive(Debug)]
pub struct Operation {
    pub(crate) wire: Wire,
    /// Id of the resource it is about.
    pub(crate) id: String,
    /// Version of the API that the resource is asked for with.
    pub(crate) version: String,
    pub(crate) rules: Rules,
    pub(crate) step: Step,
}

/// Where an operation stands.
#[derive(Clone, Debug, PartialEq)]
pub enum Progress {
    /// It goes on; the service's word for it, and how long until it is asked again.
    Going(String, Duration),
    /// It is done.
    Done(Option<Value>),
}

impl Operation {
    /// Where it stands, without asking.
    pub fn progress(&self) -> Progress {
        match &self.step {
            Step::Ask { status, pause, .. } => Progress::Going(status.clone(), *pause),
            Step::Done(body) => Progress::Done(body.clone()),
        }
    }

    /// Waits the pause and asks once.
    ///
    /// # Errors
    ///
    /// [`Error::Operation`] if it failed, and as every call.
    pub async fn next(&mut self) -> Result<Progress> {
        if let Step::Ask { at, pause, .. } = &self.step {
            let at = at.clone();
            tokio::time::sleep(*pause).await;
            let url = match &at {
                Place::Status(text) => self.wire.same_origin("Azure-AsyncOperation", text)?,
                Place::Result(text) => self.wire.same_origin("Location", text)?,
                Place::Resource => self.wire.url(&self.id, &self.version)?,
            };
            let reply = self.wire.send(Method::Get, url, None::<&()>).await?;
            self.step = self.rules.next(&at, &reply)?;
        }
        Ok(self.progress())
    }

    /// Waits until it is done, at most so long.
    ///
    /// # Errors
    ///
    /// [`Error::Deadline`], and as [`Operation::next`].
    pub async fn finish(&mut self, deadline: Duration) -> Result<Option<Value>> {
        let all = async {
            loop {
                if let Progress::Done(body) = self.progress() {
                    return Ok(body);
                }
                self.next().await?;
            }
        };
        tokio::time::timeout(deadline, all).await.unwrap_or(Err(Error::Deadline { waited: deadline }))
    }
}
