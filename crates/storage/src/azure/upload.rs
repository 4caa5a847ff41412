//! Storing a file.

use std::collections::HashMap;
use std::fs::File;
use std::io::{self, Read};
use std::path::Path;

use azure_core::Uuid;
use azure_core::http::headers::Headers;
use azure_core::http::{Context, Etag as HttpEtag, Method, PipelineSendOptions, Request};
use azure_storage_blob::models::{
    BlockBlobClientCommitBlockListOptions, BlockBlobClientStageBlockOptions, BlockLookupList,
};
use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use bytes::Bytes;
use futures_util::{TryStreamExt, stream};
use md5::{Digest, Md5};
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};

use super::convert::{date, header};
use super::guard::Tries;
use super::{AzureStore, counted, shown};
use crate::blob::{Blob, BlobName, Etag};
use crate::error::{Error, Result};
use crate::labels::{check_metadata, check_tags};
use crate::store::{Store, Upload};

/// Up to this many bytes a file is stored by one request, larger ones in blocks of it (chosen: a block that is lost is
/// sent again within seconds, and the blocks under way take little memory).
const BLOCK: u64 = 8 << 20;

/// Most blocks of a blob: the service's limit.
const MOST_BLOCKS: u64 = 50_000;

/// Blocks under way at a time (chosen: they fill a line and take 32 MiB).
const UNDER_WAY: usize = 4;

/// What captures are.
const CONTENT_TYPE: &str = "application/octet-stream";

/// A file that is being read, and the MD5 of what was.
struct Source {
    file: File,
    md5: Md5,
    left: u64,
    block: u64,
}

impl Source {
    /// The next block, none after the last.
    fn next(mut self) -> io::Result<(Option<Bytes>, Self)> {
        let length = self.left.min(self.block);
        if length == 0 {
            // What was written since would be left out.
            return match self.file.read(&mut [0])? {
                0 => Ok((None, self)),
                _ => Err(io::Error::other("it grew while it was read")),
            };
        }
        let mut block = vec![0; length as usize];
        self.file.read_exact(&mut block)?;
        self.md5.update(&block);
        self.left -= length;
        Ok((Some(block.into()), self))
    }
}

impl AzureStore {
    pub(super) async fn put(&self, name: &BlobName, path: &Path, upload: &Upload) -> Result<Blob> {
        check_metadata(&upload.metadata)?;
        check_tags(&upload.tags)?;
        let failed = |source: io::Error| Error::File { path: path.to_owned(), source };
        let opened = path.to_owned();
        let (file, size) = blocking(move || {
            let file = File::open(opened)?;
            let size = file.metadata()?.len();
            Ok((file, size))
        })
        .await
        .map_err(failed)?;
        let block = BLOCK.max(size.div_ceil(MOST_BLOCKS));
        let source = Source { file, md5: Md5::new(), left: size, block };
        let tries = Tries::default();
        let sent = if size <= BLOCK {
            let (content, source) = blocking(|| source.next()).await.map_err(failed)?;
            let (_, source) = blocking(|| source.next()).await.map_err(failed)?;
            let md5: [u8; 16] = source.md5.finalize().into();
            (self.put_at_once(name, content.unwrap_or_default(), md5, upload, &tries).await, md5)
        } else {
            if !upload.replace && self.head(name).await.is_ok() {
                return Err(Error::Exists { what: shown(name) });
            }
            self.put_blocks(name, path, source, upload, &tries).await?
        };
        let (headers, md5) = match sent {
            (Ok(headers), md5) => (headers, md5),
            // The answer to an earlier try may have been lost.
            (Err(Error::Exists { .. } | Error::Changed { .. }), md5) => {
                let there = if tries.are_many() { self.head(name).await.ok() } else { None };
                let ours = there.filter(|found| found.size == size && found.md5 == Some(md5));
                return ours.ok_or_else(|| Error::Exists { what: shown(name) });
            }
            (Err(error), _) => return Err(error),
        };
        self.versions.note(&headers);
        let told = header(&headers, "etag").zip(header(&headers, "last-modified").and_then(date));
        let Some((etag, modified)) = told else { return self.head(name).await };
        let mut blob = Blob::new(name.clone(), size, Etag::from(etag), modified);
        blob.md5 = Some(md5);
        blob.version = header(&headers, "x-ms-version-id").map(str::to_owned);
        blob.metadata.clone_from(&upload.metadata);
        blob.tags.clone_from(&upload.tags);
        Ok(blob)
    }

    async fn put_at_once(
        &self,
        name: &BlobName,
        bytes: Bytes,
        md5: [u8; 16],
        upload: &Upload,
        tries: &Tries,
    ) -> Result<Headers> {
        let mut request = Request::new(self.url_of(name)?, Method::Put);
        request.insert_header("x-ms-version", self.version.clone());
        request.insert_header("x-ms-blob-type", "BlockBlob");
        request.insert_header("content-type", CONTENT_TYPE);
        request.insert_header("content-length", bytes.len().to_string());
        // The service compares it with what arrives, and keeps it.
        request.insert_header("content-md5", BASE64_STANDARD.encode(md5));
        if !upload.replace {
            request.insert_header("if-none-match", "*");
        }
        for (key, value) in &upload.metadata {
            request.insert_header(format!("x-ms-meta-{key}"), value.clone());
        }
        if let Some(tags) = encoded_tags(upload) {
            request.insert_header("x-ms-tags", tags);
        }
        request.set_body(bytes);
        let context = Context::new().with_value(tries.clone());
        let options = PipelineSendOptions::default();
        let answer =
            self.call(&shown(name), self.pipeline.send(&context, &mut request, Some(options))).await?;
        Ok(answer.headers().clone())
    }

    /// Sends the blocks and joins them; the MD5 is that of the whole.
    async fn put_blocks(
        &self,
        name: &BlobName,
        path: &Path,
        source: Source,
        upload: &Upload,
        tries: &Tries,
    ) -> Result<(Result<Headers>, [u8; 16])> {
        let (client, what) = (self.blob(name)?.block_blob_client(), shown(name));
        let (done, mut md5) = tokio::sync::mpsc::channel(1);
        let path = path.to_owned();
        let blocks = stream::try_unfold((source, done, path), |(source, done, path)| async move {
            let next = blocking(|| source.next()).await;
            let (block, source) = next.map_err(|source| Error::File { path: path.clone(), source })?;
            if block.is_none() {
                let _ = done.try_send(<[u8; 16]>::from(source.md5.clone().finalize()));
            }
            Ok::<_, Error>(block.map(|block| (block, (source, done, path))))
        });
        let (client, what) = (&client, &what);
        let sent = blocks.map_ok(|block| async move {
            let id = Uuid::new_v4();
            let options = BlockBlobClientStageBlockOptions {
                transactional_content_md5: Some(Md5::digest(&block).to_vec()),
                ..Default::default()
            };
            let length = block.len() as u64;
            let call = client.stage_block(id.as_bytes(), length, block.into(), Some(options));
            self.call(what, call).await.map(|_| id.as_bytes().to_vec())
        });
        let ids: Vec<Vec<u8>> = sent.try_buffered(UNDER_WAY).try_collect().await?;
        let no_end = || Error::Unexpected { what: what.clone(), why: "the file has no end".into() };
        let md5 = md5.recv().await.ok_or_else(no_end)?;
        let options = BlockBlobClientCommitBlockListOptions {
            blob_content_md5: Some(md5.to_vec()),
            blob_content_type: Some(CONTENT_TYPE.into()),
            blob_tags_string: encoded_tags(upload),
            if_none_match: (!upload.replace).then(|| HttpEtag::from("*")),
            metadata: Some(upload.metadata.clone().into_iter().collect::<HashMap<_, _>>()),
            method_options: counted(tries),
            ..Default::default()
        };
        let list = BlockLookupList { latest: Some(ids), ..Default::default() };
        let list = list.try_into().map_err(|error| self.told(what, &error))?;
        let answer = self.call(what, client.commit_block_list(list, Some(options))).await;
        Ok((answer.map(|answer| answer.headers().clone()), md5))
    }
}

/// `x-ms-tags`.
fn encoded_tags(upload: &Upload) -> Option<String> {
    let word = |text: &str| utf8_percent_encode(text, NON_ALPHANUMERIC).to_string();
    let pairs: Vec<_> =
        upload.tags.iter().map(|(key, value)| format!("{}={}", word(key), word(value))).collect();
    Some(pairs.join("&")).filter(|text| !text.is_empty())
}

/// Reads files beside what waits for the network.
async fn blocking<T: Send + 'static>(work: impl FnOnce() -> io::Result<T> + Send + 'static) -> io::Result<T> {
    tokio::task::spawn_blocking(work).await.unwrap_or_else(|error| Err(io::Error::other(error)))
}
