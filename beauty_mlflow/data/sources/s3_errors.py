"""What boto3 and S3 servers say, in words; nothing that they quote is repeated, since it may hold a secret."""

from http import HTTPStatus

from botocore import exceptions as boto  # type: ignore[import-untyped]

from beauty_mlflow.errors import UnreachableDataError

# lost on the way: the same again may succeed
_UNANSWERED = (boto.HTTPClientError, boto.ConnectionError)
_TRANSIENT = (*_UNANSWERED, boto.FlexibleChecksumError, boto.IncompleteReadError)

_CREDENTIALS = (
    boto.NoCredentialsError,
    boto.PartialCredentialsError,
    boto.CredentialRetrievalError,
    boto.ProfileNotFound,
    boto.TokenRetrievalError,
    boto.SSOError,
    boto.LoginError,
)
_ENDPOINT = "the network, and AWS_ENDPOINT_URL if the bucket isn't at AWS"
_KNOWN = {
    "NoSuchBucket": "there is no such bucket. Check its name, {endpoint}",
    "AccessDenied": "access is denied. These credentials need the rights to list the bucket and to get its objects "
    "(s3:ListBucket, s3:GetObject; to write there s3:PutObject); check AWS_PROFILE or AWS_ACCESS_KEY_ID, {endpoint}",
    "InvalidAccessKeyId": "the access key is unknown there. Check AWS_ACCESS_KEY_ID or AWS_PROFILE, {endpoint}",
    "SignatureDoesNotMatch": "the secret key is wrong. Check AWS_SECRET_ACCESS_KEY or AWS_PROFILE, {endpoint}",
    "ExpiredToken": "the credentials have expired. Get new ones",
    "RequestTimeTooSkewed": "this machine's clock is wrong. Set it",
}
_SAME = {
    "403": "AccessDenied",
    "404": "NoSuchBucket",
    "InvalidToken": "ExpiredToken",
    "ExpiredTokenException": "ExpiredToken",
}


def explain(error: Exception, uri: str) -> UnreachableDataError:
    """Return an error of boto3 or of a server as one of ours, which names the URI and says what to do."""
    return UnreachableDataError(f"'{uri}' can't be read: {reason_of(error)}.")


def code_of(error: Exception) -> str:
    """Return the code that a server answered with, or an empty string."""
    return str(error.response.get("Error", {}).get("Code", "")) if isinstance(error, boto.ClientError) else ""


def is_transient(error: Exception) -> bool:
    """Return whether the same again may succeed."""
    if not isinstance(error, boto.ClientError):
        return isinstance(error, _TRANSIENT)
    status = error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0)
    return status >= HTTPStatus.INTERNAL_SERVER_ERROR or status in {
        HTTPStatus.TOO_MANY_REQUESTS,
        HTTPStatus.REQUEST_TIMEOUT,
    }


def reason_of(error: Exception) -> str:
    """Return what went wrong, in words."""
    code = code_of(error)
    if code:
        known = _KNOWN.get(_SAME.get(code, code))
        return known.format(endpoint=_ENDPOINT) if known else f"the server answered {code[:60]}. Check {_ENDPOINT}"
    if isinstance(error, _CREDENTIALS):
        return (
            "no credentials were found. Set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, name a profile by "
            "AWS_PROFILE, or run where a role gives them"
        )
    if isinstance(error, boto.SSLError):
        return f"the server's certificate isn't trusted. Check {_ENDPOINT}; AWS_CA_BUNDLE names further authorities"
    if isinstance(error, _UNANSWERED):
        return f"the server doesn't answer ({type(error).__name__}). Check {_ENDPOINT}"
    return f"boto3 refuses ({type(error).__name__}). Check {_ENDPOINT}, and AWS's configuration files"
