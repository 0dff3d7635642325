//! The picture that a workflow begins with, as it is handed over.

use bytes::Bytes;
use sha2::{Digest, Sha256};

use super::{PROVIDER, fault, unexpected};
use crate::capability::Picture;
use crate::error::ProviderError;
use crate::http::{Answer, Body, Call};

/// What parts the fields of the form. No picture holds it but one that was made to.
const BOUNDARY: &str = "videofactory-8d4f2c6e1b7a49d3";

/// The upload. The file is named by its bytes, so that the same one twice is one.
pub(super) fn call(picture: &Picture) -> Call {
    let ending = if picture.media_type == "image/jpeg" { "jpg" } else { "png" };
    let name = format!("videofactory-{}.{ending}", &hex::encode(Sha256::digest(&picture.bytes))[..32]);
    let mut form = Vec::with_capacity(picture.bytes.len() + 1024);
    form.extend_from_slice(
        format!(
            "--{BOUNDARY}\r\nContent-Disposition: form-data; name=\"image\"; filename=\"{name}\"\r\n\
             Content-Type: {}\r\n\r\n",
            picture.media_type
        )
        .as_bytes(),
    );
    form.extend_from_slice(&picture.bytes);
    for (field, value) in [("type", "input"), ("overwrite", "true")] {
        form.extend_from_slice(
            format!("\r\n--{BOUNDARY}\r\nContent-Disposition: form-data; name=\"{field}\"\r\n\r\n{value}")
                .as_bytes(),
        );
    }
    form.extend_from_slice(format!("\r\n--{BOUNDARY}--\r\n").as_bytes());
    let mut call = Call::post("/upload/image", Body::Bytes(Bytes::from(form)));
    call.headers.push(("content-type", format!("multipart/form-data; boundary={BOUNDARY}")));
    call
}

/// What a workflow calls the file.
pub(super) fn read(answer: &Answer) -> Result<String, ProviderError> {
    if !answer.is_success() {
        return Err(fault::read(answer, false));
    }
    let value = answer.json(PROVIDER, false)?;
    let text = |name: &str| value[name].as_str().unwrap_or_default();
    match (text("subfolder"), text("name")) {
        (_, "") => Err(unexpected("it took a picture and does not say under which name".to_owned())),
        ("", name) => Ok(name.to_owned()),
        (folder, name) => Ok(format!("{folder}/{name}")),
    }
}
