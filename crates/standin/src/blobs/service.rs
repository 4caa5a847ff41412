//! Properties of the service and the account.

use super::account::State;
use super::message::Reply;

/// Get Blob Service Properties.
pub(super) fn properties(state: &State) -> Reply {
    let off = "<Version>1.0</Version><Enabled>false</Enabled><RetentionPolicy><Enabled>false</Enabled></RetentionPolicy>";
    let retention = state.rules.soft_delete_days.map_or_else(
        || "<Enabled>false</Enabled>".to_owned(),
        |days| {
            format!(
                "<Enabled>true</Enabled><Days>{days}</Days><AllowPermanentDelete>false</AllowPermanentDelete>"
            )
        },
    );
    Reply::xml(format!(
        "\u{feff}<?xml version=\"1.0\" encoding=\"utf-8\"?><StorageServiceProperties><Logging><Version>1.0</Version>\
         <Read>false</Read><Write>false</Write><Delete>false</Delete><RetentionPolicy><Enabled>false</Enabled>\
         </RetentionPolicy></Logging><HourMetrics>{off}</HourMetrics><MinuteMetrics>{off}</MinuteMetrics><Cors />\
         <DeleteRetentionPolicy>{retention}</DeleteRetentionPolicy><StaticWebsite><Enabled>false</Enabled>\
         </StaticWebsite></StorageServiceProperties>"
    ))
}

/// Get Account Information.
pub(super) fn account() -> Reply {
    Reply::new(200)
        .with("x-ms-sku-name", "Standard_LRS")
        .with("x-ms-account-kind", "StorageV2")
        .with("x-ms-is-hns-enabled", "false")
}
