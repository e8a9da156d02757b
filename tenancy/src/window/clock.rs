//! Times of day and days of the week, as people write them.

use std::fmt;
use std::str::FromStr;

use jiff::civil::{Date, Weekday};
use serde::{Deserialize, Serialize};

use crate::Invalid;

/// A time of day to the minute, `HH:MM` from `00:00` to `23:59`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct TimeOfDay {
    minutes: u16,
}

impl TimeOfDay {
    /// Minutes since midnight, 0 to 1439.
    pub fn minutes(self) -> u16 {
        self.minutes
    }

    /// The hour, 0 to 23.
    pub fn hour(self) -> u16 {
        self.minutes / 60
    }

    /// The minute within the hour, 0 to 59.
    pub fn minute(self) -> u16 {
        self.minutes % 60
    }

    /// The time of day that lies `minutes` since midnight, counted round the clock.
    pub fn from_minutes(minutes: u16) -> Self {
        Self { minutes: minutes % 1440 }
    }
}

impl FromStr for TimeOfDay {
    type Err = Invalid;

    fn from_str(text: &str) -> Result<Self, Invalid> {
        let refuse = |reason: &str| {
            Err(Invalid::new("time of day", text, reason, "Write `HH:MM` from `00:00` to `23:59`."))
        };
        if text == "24:00" {
            return refuse("a day ends at 23:59; write `00:00` for midnight");
        }
        let bytes = text.as_bytes();
        if bytes.len() != 5 || bytes[2] != b':' {
            return refuse("it is not two digits, a colon and two digits");
        }
        let digits = |from: usize| {
            let part = text.get(from..from + 2).filter(|part| part.bytes().all(|byte| byte.is_ascii_digit()));
            part.and_then(|part| part.parse::<u16>().ok())
        };
        match (digits(0), digits(3)) {
            (Some(hour), Some(minute)) if hour < 24 && minute < 60 => {
                Ok(Self { minutes: hour * 60 + minute })
            }
            (Some(hour), Some(_)) if hour > 23 => refuse("a day has hours from 00 to 23"),
            (Some(_), Some(_)) => refuse("an hour has minutes from 00 to 59"),
            _ => refuse("it is not two digits, a colon and two digits"),
        }
    }
}

impl TryFrom<String> for TimeOfDay {
    type Error = Invalid;

    fn try_from(text: String) -> Result<Self, Invalid> {
        text.parse()
    }
}

impl From<TimeOfDay> for String {
    fn from(time: TimeOfDay) -> String {
        time.to_string()
    }
}

impl fmt::Display for TimeOfDay {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:02}:{:02}", self.hour(), self.minute())
    }
}

/// A day of the week, spelled `mon` to `sun`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
#[allow(missing_docs, reason = "the names say it")]
pub enum Day {
    Mon,
    Tue,
    Wed,
    Thu,
    Fri,
    Sat,
    Sun,
}

impl Day {
    /// All days, Monday first.
    pub const ALL: [Day; 7] = [Day::Mon, Day::Tue, Day::Wed, Day::Thu, Day::Fri, Day::Sat, Day::Sun];

    /// The day of a date.
    pub fn of(date: Date) -> Self {
        match date.weekday() {
            Weekday::Monday => Day::Mon,
            Weekday::Tuesday => Day::Tue,
            Weekday::Wednesday => Day::Wed,
            Weekday::Thursday => Day::Thu,
            Weekday::Friday => Day::Fri,
            Weekday::Saturday => Day::Sat,
            Weekday::Sunday => Day::Sun,
        }
    }

    /// The three letters.
    pub fn as_str(self) -> &'static str {
        ["mon", "tue", "wed", "thu", "fri", "sat", "sun"][self as usize]
    }

    /// The day after this one.
    pub fn next(self) -> Self {
        Self::ALL[(self as usize + 1) % 7]
    }
}

impl FromStr for Day {
    type Err = Invalid;

    fn from_str(text: &str) -> Result<Self, Invalid> {
        Self::ALL.into_iter().find(|day| day.as_str() == text).ok_or_else(|| {
            Invalid::new(
                "day",
                text,
                "it is not one of the seven",
                "Write mon, tue, wed, thu, fri, sat or sun.",
            )
        })
    }
}
