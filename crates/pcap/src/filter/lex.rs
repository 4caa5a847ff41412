//! Characters → tokens.

use super::FilterError;

/// One token.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Token<'a> {
    /// A word, a number or an address; true if a backslash stood before it, which makes a name of a keyword.
    Word(&'a str, bool),
    /// `and`, `&&`.
    And,
    /// `or`, `||`.
    Or,
    /// `not`, `!`.
    Not,
    /// `(`.
    Open,
    /// `)`.
    Close,
    /// `[`.
    OpenBracket,
    /// `]`.
    CloseBracket,
    /// `:` inside brackets.
    Colon,
    /// `/`, of a prefix length or a division.
    Slash,
    /// An arithmetic operator other than `/`.
    Operator(Operator),
    /// A comparison.
    Relation(Relation),
    /// Nothing is left.
    End,
}

/// Arithmetic on 32-bit numbers, wrapping.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Operator {
    /// `|`.
    Or,
    /// `^`.
    Xor,
    /// `&`.
    And,
    /// `<<`.
    Left,
    /// `>>`.
    Right,
    /// `+`.
    Add,
    /// `-`.
    Subtract,
    /// `*`.
    Multiply,
    /// `/`.
    Divide,
    /// `%`.
    Modulo,
}

/// Comparison of two numbers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Relation {
    /// `=`, `==`.
    Equal,
    /// `!=`.
    NotEqual,
    /// `<`.
    Less,
    /// `<=`.
    LessOrEqual,
    /// `>`.
    Greater,
    /// `>=`.
    GreaterOrEqual,
}

/// A token and where it starts, in bytes.
pub(super) type Spanned<'a> = (Token<'a>, usize);

/// The tokens of an expression, [`Token::End`] last. Errors carry byte positions; the parser turns them into
/// characters.
pub(super) fn tokens(text: &str) -> Result<Vec<Spanned<'_>>, FilterError> {
    let mut found = Vec::new();
    let mut brackets = 0usize;
    let mut at = 0;
    let bytes = text.as_bytes();
    while let Some(&byte) = bytes.get(at) {
        let next = bytes.get(at + 1).copied().unwrap_or_default();
        let (token, length) = match (byte, next) {
            (b' ' | b'\t' | b'\r' | b'\n', _) => {
                at += 1;
                continue;
            }
            (b'&', b'&') => (Token::And, 2),
            (b'|', b'|') => (Token::Or, 2),
            (b'!', b'=') => (Token::Relation(Relation::NotEqual), 2),
            (b'=', b'=') => (Token::Relation(Relation::Equal), 2),
            (b'<', b'=') => (Token::Relation(Relation::LessOrEqual), 2),
            (b'>', b'=') => (Token::Relation(Relation::GreaterOrEqual), 2),
            (b'<', b'<') => (Token::Operator(Operator::Left), 2),
            (b'>', b'>') => (Token::Operator(Operator::Right), 2),
            (b'!', _) => (Token::Not, 1),
            (b'=', _) => (Token::Relation(Relation::Equal), 1),
            (b'<', _) => (Token::Relation(Relation::Less), 1),
            (b'>', _) => (Token::Relation(Relation::Greater), 1),
            (b'(', _) => (Token::Open, 1),
            (b')', _) => (Token::Close, 1),
            (b'[', _) => {
                brackets += 1;
                (Token::OpenBracket, 1)
            }
            (b']', _) => {
                brackets = brackets.saturating_sub(1);
                (Token::CloseBracket, 1)
            }
            (b'/', _) => (Token::Slash, 1),
            (b'&', _) => (Token::Operator(Operator::And), 1),
            (b'|', _) => (Token::Operator(Operator::Or), 1),
            (b'^', _) => (Token::Operator(Operator::Xor), 1),
            (b'+', _) => (Token::Operator(Operator::Add), 1),
            (b'-', _) => (Token::Operator(Operator::Subtract), 1),
            (b'*', _) => (Token::Operator(Operator::Multiply), 1),
            (b'%', _) => (Token::Operator(Operator::Modulo), 1),
            (b':', _) if brackets > 0 => (Token::Colon, 1),
            (b'\\', _) => {
                let length = word_len(bytes.get(at + 1..).unwrap_or_default(), brackets > 0);
                if length == 0 {
                    return Err(FilterError {
                        what: "a backslash without a word behind it".into(),
                        position: at,
                    });
                }
                (Token::Word(text.get(at + 1..at + 1 + length).unwrap_or_default(), true), length + 1)
            }
            _ => {
                let length = word_len(bytes.get(at..).unwrap_or_default(), brackets > 0);
                if length == 0 {
                    let odd = text.get(at..).and_then(|rest| rest.chars().next()).unwrap_or('\u{fffd}');
                    return Err(FilterError { what: format!("unexpected character {odd:?}"), position: at });
                }
                let word = text.get(at..at + length).unwrap_or_default();
                let token = match word {
                    "and" => Token::And,
                    "or" => Token::Or,
                    "not" => Token::Not,
                    _ => Token::Word(word, false),
                };
                (token, length)
            }
        };
        found.push((token, at));
        at += length;
    }
    found.push((Token::End, text.len()));
    Ok(found)
}

/// Bytes of the word at the start. Colons and hyphens belong to addresses and names, but not inside brackets, where
/// they are operators.
fn word_len(bytes: &[u8], in_brackets: bool) -> usize {
    bytes
        .iter()
        .position(|byte| match byte {
            b'0'..=b'9' | b'a'..=b'z' | b'A'..=b'Z' | b'_' | b'.' => false,
            b':' | b'-' => in_brackets,
            _ => true,
        })
        .unwrap_or(bytes.len())
}
