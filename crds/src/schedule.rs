//! Cron schedules and time zones as the API server checks them.

use std::fmt;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Serialize};

/// Five fields of cron: minute, hour, day of the month, month, day of the week (0 and 7 are Sunday).
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct CronSchedule(String);

/// A name of the IANA time zone database, such as `Europe/Paris`.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct TimeZone(String);

/// What both have: a text that the API server has checked.
macro_rules! checked_text {
    ($type:ident) => {
        impl $type {
            /// The text as given; it is the API server that checks it.
            pub fn new(text: impl Into<String>) -> Self {
                Self(text.into())
            }

            /// The text.
            #[must_use]
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl fmt::Display for $type {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }
    };
}
checked_text!(CronSchedule);
checked_text!(TimeZone);

/// One cron field: stars, numbers and ranges with steps, joined by commas.
fn cron_field(number: &str) -> String {
    let item = format!("([*]|({number})(-({number}))?)(/[1-9][0-9]?)?");
    format!("{item}(,{item})*")
}

fn cron_pattern() -> String {
    let minute = cron_field("[0-5]?[0-9]");
    let hour = cron_field("[01]?[0-9]|2[0-3]");
    let day = cron_field("0?[1-9]|[12][0-9]|3[01]");
    let month = cron_field("0?[1-9]|1[0-2]|JAN|FEB|MAR|APR|MAY|JUN|JUL|AUG|SEP|OCT|NOV|DEC");
    let weekday = cron_field("[0-7]|SUN|MON|TUE|WED|THU|FRI|SAT");
    format!("^{minute} {hour} {day} {month} {weekday}$")
}

impl JsonSchema for CronSchedule {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> std::borrow::Cow<'static, str> {
        "CronSchedule".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "type": "string",
            "maxLength": 100,
            "x-kubernetes-validations": [{
                "rule": format!("self.matches('{}')", cron_pattern()),
                "message": "a schedule has five cron fields, minute, hour, day, month and weekday: \
                            for example \"0 3 * * *\" for 03:00 every day",
            }],
        })
    }
}

impl JsonSchema for TimeZone {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> std::borrow::Cow<'static, str> {
        "TimeZone".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "type": "string",
            "minLength": 1,
            "maxLength": 64,
            // An unknown zone ends the evaluation with an error, which refuses the object and names the zone.
            "x-kubernetes-validations": [{
                "rule": "timestamp('2026-01-01T00:00:00Z').getHours(self) >= 0",
                "message": "a time zone is a name of the IANA database: for example Etc/UTC or Europe/Paris",
            }],
        })
    }
}
