//! Addresses and ports of a filter, in the service's way of writing them: one, a range `a-b`, or a list `a;b;`. Ranges
//! and lists are not mixed, and there is one range at most.

use std::fmt;
use std::net::IpAddr;
use std::str::FromStr;

/// Addresses a filter matches.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Addresses {
    /// All of them.
    Any,
    /// These.
    List(Vec<IpAddr>),
    /// From the first to the last, both included, of one family.
    Range(IpAddr, IpAddr),
}

/// Ports a filter matches.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Ports {
    /// All of them, and packets that have none.
    Any,
    /// These.
    List(Vec<u16>),
    /// From the first to the last, both included.
    Range(u16, u16),
}

/// What is wrong with addresses or ports, and what was probably meant.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{what}")]
pub struct RangeError {
    /// What is wrong.
    pub what: String,
    /// The nearest right value, where there is one.
    pub nearest: Option<String>,
}

impl RangeError {
    fn new(what: impl Into<String>, nearest: Option<String>) -> Self {
        Self { what: what.into(), nearest }
    }

    /// A suggestion that is wrong itself would be worse than none.
    fn checked<T>(mut self, read: fn(&str) -> Result<T, Self>) -> Self {
        self.nearest = self.nearest.filter(|nearest| read(nearest).is_ok());
        self
    }
}

/// `text` without spaces, and how it is put together.
enum Form<'a> {
    Nothing,
    List(Vec<&'a str>),
    Range(&'a str, &'a str),
}

fn form<'a>(text: &'a str, thing: &str) -> Result<Form<'a>, RangeError> {
    let text = text.trim();
    if text.is_empty() || text == "*" {
        return Ok(Form::Nothing);
    }
    let words: Vec<&str> = text.split(';').map(str::trim).collect();
    let (last, head) = words.split_last().map_or(("", &[][..]), |(last, head)| (*last, head));
    if head.iter().any(|word| word.is_empty()) {
        let words: Vec<&str> = words.iter().copied().filter(|word| !word.is_empty()).collect();
        return Err(RangeError::new(
            format!("{text:?} has an empty place between two ;"),
            Some(list(&words)),
        ));
    }
    let words = if last.is_empty() { head } else { &words[..] };
    if let [one] = words
        && let Some((from, to)) = one.split_once('-')
    {
        if to.contains('-') {
            return Err(RangeError::new(format!("{text:?} has more than one -; a range is FROM-TO"), None));
        }
        return Ok(Form::Range(from.trim(), to.trim()));
    }
    if words.iter().any(|word| word.contains('-')) {
        return Err(RangeError::new(
            format!("{text:?} mixes a range and a list; the service takes one {thing}, one range, or a list"),
            None,
        ));
    }
    Ok(Form::List(words.to_vec()))
}

fn list(words: &[&str]) -> String {
    words.iter().fold(String::new(), |text, word| text + word + ";")
}

/// Words divided by something that is not `;`, as the service wants them.
fn with_semicolons(text: &str) -> Option<String> {
    let words: Vec<&str> =
        text.split([',', ' ', '|', ';']).map(str::trim).filter(|word| !word.is_empty()).collect();
    (words.len() > 1).then(|| list(&words))
}

impl FromStr for Addresses {
    type Err = RangeError;

    fn from_str(text: &str) -> Result<Self, RangeError> {
        addresses(text).map_err(|error| error.checked(addresses))
    }
}

fn addresses(text: &str) -> Result<Addresses, RangeError> {
    if text.contains(',') || text.trim().contains(' ') && !text.contains(['-', ';']) {
        let nearest = with_semicolons(text);
        return Err(RangeError::new(format!("{text:?}: addresses are divided by ;"), nearest));
    }
    match form(text, "address")? {
        Form::Nothing => Ok(Addresses::Any),
        Form::List(words) => words.into_iter().map(address).collect::<Result<_, _>>().map(Addresses::List),
        Form::Range(from, to) => {
            let first = address(from)?;
            let last = address(to).map_err(|error| {
                let nearest = completed(first, to).map(|to| format!("{first}-{to}"));
                RangeError::new(error.what, nearest)
            })?;
            if first.is_ipv4() != last.is_ipv4() {
                return Err(RangeError::new(
                    format!("{text:?} begins with one IP version and ends with another"),
                    None,
                ));
            }
            if first > last {
                return Err(RangeError::new(
                    format!("{text:?} ends before it begins"),
                    Some(format!("{last}-{first}")),
                ));
            }
            Ok(Addresses::Range(first, last))
        }
    }
}

fn address(text: &str) -> Result<IpAddr, RangeError> {
    if let Ok(address) = text.parse() {
        return Ok(address);
    }
    if let Some((network, bits)) = text.split_once('/') {
        let nearest =
            network.parse().ok().zip(bits.parse().ok()).and_then(|(network, bits)| span(network, bits));
        return Err(RangeError::new(
            format!("{text:?} is a network; the service takes a range instead"),
            nearest,
        ));
    }
    let is_dotted = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit() || byte == b'.');
    let parts = text.split('.').count();
    let what = if is_dotted && parts != 4 {
        format!("{text:?} is not an IPv4 address: it has {parts} parts, not 4")
    } else if text.is_empty() {
        "an address is missing".to_owned()
    } else {
        format!("{text:?} is not an IP address")
    };
    Err(RangeError::new(what, None))
}

/// The last addresses of a network as a range.
fn span(network: IpAddr, bits: u32) -> Option<String> {
    match network {
        IpAddr::V4(network) => {
            let mask = u32::MAX.checked_shr(bits).unwrap_or(0);
            let first = network.to_bits() & !mask;
            let last = first | mask;
            (bits <= 32).then(|| {
                format!("{}-{}", IpAddr::from(first.to_be_bytes()), IpAddr::from(last.to_be_bytes()))
            })
        }
        IpAddr::V6(network) => {
            let mask = u128::MAX.checked_shr(bits).unwrap_or(0);
            let first = network.to_bits() & !mask;
            let last = first | mask;
            (bits <= 128).then(|| {
                format!("{}-{}", IpAddr::from(first.to_be_bytes()), IpAddr::from(last.to_be_bytes()))
            })
        }
    }
}

/// What was probably meant by the end of a range that is too short: `255.255.255` all there is, `20` the last part.
fn completed(first: IpAddr, end: &str) -> Option<IpAddr> {
    let IpAddr::V4(first) = first else { return None };
    let parts: Vec<u8> = end.split('.').map(|part| part.parse().ok()).collect::<Option<_>>()?;
    let missing = 4usize.checked_sub(parts.len()).filter(|missing| *missing > 0)?;
    let mut octets = first.octets();
    let place = if parts.iter().all(|part| *part == 255) {
        octets = [255; 4];
        0
    } else {
        missing
    };
    octets.iter_mut().skip(place).zip(&parts).for_each(|(octet, part)| *octet = *part);
    let last = IpAddr::from(octets);
    (last >= IpAddr::V4(first)).then_some(last)
}

impl FromStr for Ports {
    type Err = RangeError;

    fn from_str(text: &str) -> Result<Self, RangeError> {
        ports(text).map_err(|error| error.checked(ports))
    }
}

fn ports(text: &str) -> Result<Ports, RangeError> {
    if text.contains([',', '|']) {
        let nearest = with_semicolons(text);
        return Err(RangeError::new(format!("{text:?}: ports are divided by ;"), nearest));
    }
    if let Some((from, to)) = text.split_once(':').or_else(|| text.split_once("..")) {
        let nearest = format!("{}-{}", from.trim(), to.trim());
        return Err(RangeError::new(format!("{text:?}: a range of ports is written with -"), Some(nearest)));
    }
    match form(text, "port")? {
        Form::Nothing => Ok(Ports::Any),
        Form::List(words) => words.into_iter().map(port).collect::<Result<_, _>>().map(Ports::List),
        Form::Range(from, to) => {
            let (first, last) = (port(from)?, port(to)?);
            if first > last {
                return Err(RangeError::new(
                    format!("{text:?} ends before it begins"),
                    Some(format!("{last}-{first}")),
                ));
            }
            Ok(Ports::Range(first, last))
        }
    }
}

fn port(text: &str) -> Result<u16, RangeError> {
    let is_number = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    match text.parse() {
        Ok(port) if is_number => Ok(port),
        _ if is_number => Err(RangeError::new(format!("port {text} is larger than 65535"), None)),
        _ if text.is_empty() => Err(RangeError::new("a port is missing", None)),
        _ => {
            // The names people write most, from the registry of IANA.
            let known =
                [("http", 80), ("https", 443), ("ssh", 22), ("dns", 53), ("domain", 53), ("rdp", 3389)];
            let nearest = known.iter().find(|(name, _)| text.eq_ignore_ascii_case(name));
            Err(RangeError::new(
                format!("{text:?} is not a port number"),
                nearest.map(|(_, port)| port.to_string()),
            ))
        }
    }
}

impl Addresses {
    /// True if it matches this address.
    pub fn contains(&self, address: IpAddr) -> bool {
        match self {
            Self::Any => true,
            Self::List(list) => list.contains(&address),
            Self::Range(first, last) => {
                address.is_ipv4() == first.is_ipv4() && (*first..=*last).contains(&address)
            }
        }
    }
}

impl Ports {
    /// True if it matches this port.
    pub fn contains(&self, port: u16) -> bool {
        match self {
            Self::Any => true,
            Self::List(list) => list.contains(&port),
            Self::Range(first, last) => (*first..=*last).contains(&port),
        }
    }
}

impl fmt::Display for Addresses {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Any => Ok(()),
            Self::List(list) => write_list(list, f),
            Self::Range(first, last) => write!(f, "{first}-{last}"),
        }
    }
}

impl fmt::Display for Ports {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Any => Ok(()),
            Self::List(list) => write_list(list, f),
            Self::Range(first, last) => write!(f, "{first}-{last}"),
        }
    }
}

fn write_list<T: fmt::Display>(list: &[T], f: &mut fmt::Formatter<'_>) -> fmt::Result {
    match list {
        [one] => write!(f, "{one}"),
        _ => list.iter().try_for_each(|item| write!(f, "{item};")),
    }
}
