"""Does what users of object stores do. Standard input is a JSON list of steps, each [label, client, operation, bucket, key, options];
the last line of output is a JSON object of label to the SHA-256 of what came, or to the error as its user reads it.
Steps of a "download" write below the folder out, which is where a test looks for bytes that should not be there."""
import hashlib
import json
import os
import sys
import urllib.request
import uuid


def digest(content):
    return hashlib.sha256(content).hexdigest()


def target():
    os.makedirs("out", exist_ok=True)
    return os.path.join("out", uuid.uuid4().hex)


def saved(path):
    with open(path, "rb") as f:
        return hashlib.file_digest(f, "sha256").hexdigest()


def with_boto3(operation, bucket, key, options):
    import boto3
    from botocore.config import Config

    s3 = boto3.client("s3", config=Config(retries={"total_max_attempts": options.get("attempts", 1)}, **options.get("config", {})))
    if operation == "download":
        path = target()
        s3.download_file(bucket, key, path)
        return saved(path)
    if operation == "read":
        return digest(s3.get_object(Bucket=bucket, Key=key)["Body"].read())
    if operation == "range":
        return digest(s3.get_object(Bucket=bucket, Key=key, Range=options["range"])["Body"].read())
    if operation == "size":
        return str(s3.head_object(Bucket=bucket, Key=key)["ContentLength"])
    if operation == "presign":
        return s3.generate_presigned_url("get_object", Params={"Bucket": bucket, "Key": key})
    if operation == "write":
        s3.put_object(Bucket=bucket, Key=key, Body=options["content"].encode())
        return "written"
    raise ValueError(operation)


def with_filesystem(make):
    def step(operation, bucket, key, options):
        fs = make(options)
        path = bucket + "/" + key
        if operation == "download":
            to = target()
            fs.get_file(path, to)
            return saved(to)
        if operation == "read":
            with fs.open(path, "rb") as f:
                return digest(f.read())
        if operation == "start":
            with fs.open(path, "rb") as f:
                return digest(f.read(10))
        if operation == "range":
            return digest(fs.cat_file(path, start=3, end=10))
        if operation == "size":
            return str(fs.info(path)["size"])
        raise ValueError(operation)

    return step


def s3fs(options):
    import s3fs

    return s3fs.S3FileSystem(skip_instance_cache=True)


def gcsfs(options):
    import gcsfs
    from google.oauth2.credentials import Credentials

    return gcsfs.GCSFileSystem(project="test", token=Credentials(options.get("token", "a-token")), session_kwargs={"trust_env": True}, skip_instance_cache=True)


def adlfs(options):
    import adlfs

    return adlfs.AzureBlobFileSystem(account_name=options["account"], skip_instance_cache=True, **options["credential"])


def with_gcs(operation, bucket, key, options):
    from google.cloud import storage
    from google.oauth2.credentials import Credentials

    client = storage.Client(project="test", credentials=Credentials(options.get("token", "a-token")))
    blob = client.bucket(bucket).blob(key)
    if operation == "download":
        path = target()
        blob.download_to_filename(path, timeout=options.get("timeout", 60), retry=None)
        return saved(path)
    if operation == "read":
        return digest(blob.download_as_bytes(retry=None))
    if operation == "range":
        return digest(blob.download_as_bytes(start=0, end=9, retry=None))
    if operation == "size":
        blob.reload()
        return str(blob.size)
    raise ValueError(operation)


def with_azure(operation, bucket, key, options):
    from azure.storage.blob import BlobServiceClient

    credential = options["credential"]
    service = BlobServiceClient("https://%s.blob.core.windows.net" % options["account"],
                                credential=credential.get("account_key") or credential.get("sas_token"), retry_total=0)
    blob = service.get_blob_client(bucket, key)
    if operation == "download":
        path = target()
        with open(path, "wb") as f:
            blob.download_blob(max_concurrency=4).readinto(f)
        return saved(path)
    if operation == "read":
        return digest(blob.download_blob().readall())
    if operation == "range":
        return digest(blob.download_blob(offset=0, length=10).readall())
    if operation == "size":
        return str(blob.get_blob_properties().size)
    raise ValueError(operation)


def with_urllib(operation, bucket, key, options):
    with urllib.request.urlopen(options["url"]) as answer:
        return digest(answer.read())


CLIENTS = {
    "boto3": with_boto3,
    "s3fs": with_filesystem(s3fs),
    "google-cloud-storage": with_gcs,
    "gcsfs": with_filesystem(gcsfs),
    "azure-storage-blob": with_azure,
    "adlfs": with_filesystem(adlfs),
    "urllib": with_urllib,
}

got = {}
for label, client, operation, bucket, key, options in json.load(sys.stdin):
    try:
        got[label] = CLIENTS[client](operation, bucket, key, options)
    except Exception as error:
        got[label] = "%s: %s" % (type(error).__name__, error)
print(json.dumps(got))
