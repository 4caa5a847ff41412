//! Faults on purpose, so that clients can be tested against them.

use serde::Deserialize;

use super::message::Request;

/// Something that goes wrong on purpose.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Fault {
    /// Method of the requests it strikes; any where absent.
    #[serde(default)]
    pub method: Option<String>,
    /// Part of the path of the requests it strikes, in any case; any where empty.
    #[serde(default)]
    pub path: String,
    /// How many requests it strikes; 1 where absent.
    #[serde(default = "once")]
    pub times: u32,
    /// What happens.
    pub action: Action,
}

/// What goes wrong.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum Action {
    /// 429 with `Retry-After`.
    Throttle {
        /// Seconds.
        retry_after_s: u64,
    },
    /// 500.
    InternalError,
    /// The right answer, late.
    Delay {
        /// Milliseconds; a minute at most.
        ms: u64,
    },
    /// The connection breaks off.
    Reset,
    /// 307 to somewhere else.
    Redirect {
        /// Where to.
        url: String,
    },
    /// The operation the request begins fails, told with HTTP 200.
    OperationFails {
        /// Code of the error.
        code: String,
        /// Its message.
        message: String,
    },
    /// The operation the request begins stays `InProgress`.
    OperationNeverEnds,
    /// The agent, or its machine, is gone: status and machines say so.
    AgentVanished,
}

const fn once() -> u32 {
    1
}

/// The fault that strikes a request, if any: the first that matches and is not used up.
pub(super) fn strike(faults: &mut [Fault], request: &Request) -> Option<Action> {
    let path = request.path.to_ascii_lowercase();
    let fault = faults.iter_mut().find(|fault| {
        fault.times > 0
            && fault.method.as_ref().is_none_or(|method| method.eq_ignore_ascii_case(&request.method))
            && path.contains(&fault.path.to_ascii_lowercase())
    })?;
    fault.times -= 1;
    Some(fault.action.clone())
}
