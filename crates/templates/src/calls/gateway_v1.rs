//! `AWS::ApiGateway::…`: the parts of a REST API, and what is beside it.

use super::{
    fields::{
        Field,
        Shape::{Document, Flag, Flags, List, Named, Number, One, Plain, Tags, Text, Texts},
        field,
    },
    gateway::{
        Kind,
        Reference::{Answer, LogicalId, Member},
    },
};

const API: Field = field("RestApiId", "restApiId", Text);
const DESCRIPTION: Field = field("Description", "description", Text);
const NAME: Field = field("Name", "name", Text);
const TAGS: Field = field("Tags", "tags", Tags);

pub(super) const ENDPOINT: &[Field] = &[
    field("IpAddressType", "ipAddressType", Text),
    field("Types", "types", Plain),
    field("VpcEndpointIds", "vpcEndpointIds", Plain),
];
const RATES: &[Field] = &[field("BurstLimit", "burstLimit", Number), field("RateLimit", "rateLimit", Number)];
const QUOTA: &[Field] =
    &[field("Limit", "limit", Number), field("Offset", "offset", Number), field("Period", "period", Text)];
const PLAN_STAGE: &[Field] = &[
    field("ApiId", "apiId", Text),
    field("Stage", "stage", Text),
    field("Throttle", "throttle", Named(RATES)),
];
const STAGE_KEY: &[Field] = &[API, field("StageName", "stageName", Text)];
const LOCATION: &[Field] = &[
    field("Method", "method", Text),
    NAME,
    field("Path", "path", Text),
    field("StatusCode", "statusCode", Text),
    field("Type", "type", Text),
];
const TRUST: &[Field] =
    &[field("TruststoreUri", "truststoreUri", Text), field("TruststoreVersion", "truststoreVersion", Text)];
const TOKENS: &[Field] = &[field("Audience", "audience", Plain), field("Issuer", "issuer", Text)];

/// A kind whose calls are of the first control plane.
const fn kind(
    kind: &'static str,
    operation: &'static str,
    reference: super::gateway::Reference,
    attributes: &'static [(&'static str, &'static str)],
    fields: &'static [Field],
) -> Kind {
    Kind { kind, service: "apigateway", operation, fields, named: None, reference, attributes }
}

/// A kind that has a name without being given one.
const fn named(kind: Kind) -> Kind {
    Kind { named: Some("name"), ..kind }
}

pub(super) const KINDS: &[Kind] = &[
    named(kind(
        "AWS::ApiGateway::ApiKey",
        "CreateApiKey",
        Answer("/id"),
        &[("APIKeyId", "/id")],
        &[
            field("CustomerId", "customerId", Text),
            DESCRIPTION,
            field("Enabled", "enabled", Flag),
            field("GenerateDistinctId", "generateDistinctId", Flag),
            NAME,
            field("StageKeys", "stageKeys", List(STAGE_KEY)),
            TAGS,
            field("Value", "value", Text),
        ],
    )),
    named(kind(
        "AWS::ApiGateway::Authorizer",
        "CreateAuthorizer",
        Answer("/id"),
        &[("AuthorizerId", "/id")],
        &[
            field("AuthType", "authType", Text),
            field("AuthorizerCredentials", "authorizerCredentials", Text),
            field("AuthorizerResultTtlInSeconds", "authorizerResultTtlInSeconds", Number),
            field("AuthorizerUri", "authorizerUri", Text),
            field("IdentitySource", "identitySource", Text),
            field("IdentityValidationExpression", "identityValidationExpression", Text),
            field("JwtConfiguration", "jwtConfiguration", One(TOKENS)),
            NAME,
            field("ProviderARNs", "providerARNs", Plain),
            API,
            field("Type", "type", Text),
        ],
    )),
    kind(
        "AWS::ApiGateway::BasePathMapping",
        "CreateBasePathMapping",
        LogicalId,
        &[],
        &[
            field("BasePath", "basePath", Text),
            field("DomainName", "domainName", Text),
            API,
            field("Stage", "stage", Text),
        ],
    ),
    kind(
        "AWS::ApiGateway::BasePathMappingV2",
        "CreateBasePathMapping",
        LogicalId,
        &[],
        &[
            field("BasePath", "basePath", Text),
            field("DomainNameArn", "domainName", Text),
            API,
            field("Stage", "stage", Text),
        ],
    ),
    kind(
        "AWS::ApiGateway::ClientCertificate",
        "GenerateClientCertificate",
        Answer("/clientCertificateId"),
        &[("ClientCertificateId", "/clientCertificateId")],
        &[DESCRIPTION, TAGS],
    ),
    kind(
        "AWS::ApiGateway::DocumentationPart",
        "CreateDocumentationPart",
        Answer("/id"),
        &[("DocumentationPartId", "/id")],
        &[field("Location", "location", One(LOCATION)), field("Properties", "properties", Document), API],
    ),
    kind(
        "AWS::ApiGateway::DocumentationVersion",
        "CreateDocumentationVersion",
        Member("documentationVersion"),
        &[],
        &[DESCRIPTION, field("DocumentationVersion", "documentationVersion", Text), API],
    ),
    kind(
        "AWS::ApiGateway::DomainName",
        "CreateDomainName",
        Answer("/domainName"),
        &[
            ("DistributionDomainName", "/distributionDomainName"),
            ("DistributionHostedZoneId", "/distributionHostedZoneId"),
            ("DomainNameArn", "/domainNameArn"),
            ("RegionalDomainName", "/regionalDomainName"),
            ("RegionalHostedZoneId", "/regionalHostedZoneId"),
        ],
        &[
            field("CertificateArn", "certificateArn", Text),
            field("DomainName", "domainName", Text),
            field("EndpointAccessMode", "endpointAccessMode", Text),
            field("EndpointConfiguration", "endpointConfiguration", One(ENDPOINT)),
            field("MutualTlsAuthentication", "mutualTlsAuthentication", One(TRUST)),
            field("OwnershipVerificationCertificateArn", "ownershipVerificationCertificateArn", Text),
            field("RegionalCertificateArn", "regionalCertificateArn", Text),
            field("RoutingMode", "routingMode", Text),
            field("SecurityPolicy", "securityPolicy", Text),
            TAGS,
        ],
    ),
    kind(
        "AWS::ApiGateway::DomainNameAccessAssociation",
        "CreateDomainNameAccessAssociation",
        Answer("/domainNameAccessAssociationArn"),
        &[("DomainNameAccessAssociationArn", "/domainNameAccessAssociationArn")],
        &[
            field("AccessAssociationSource", "accessAssociationSource", Text),
            field("AccessAssociationSourceType", "accessAssociationSourceType", Text),
            field("DomainNameArn", "domainNameArn", Text),
            TAGS,
        ],
    ),
    kind(
        "AWS::ApiGateway::DomainNameV2",
        "CreateDomainName",
        Answer("/domainNameArn"),
        &[("DomainNameArn", "/domainNameArn"), ("DomainNameId", "/domainNameId")],
        &[
            field("CertificateArn", "certificateArn", Text),
            field("DomainName", "domainName", Text),
            field("EndpointAccessMode", "endpointAccessMode", Text),
            field("EndpointConfiguration", "endpointConfiguration", One(ENDPOINT)),
            field("Policy", "policy", Document),
            field("RoutingMode", "routingMode", Text),
            field("SecurityPolicy", "securityPolicy", Text),
            TAGS,
        ],
    ),
    kind(
        "AWS::ApiGateway::GatewayResponse",
        "PutGatewayResponse",
        LogicalId,
        &[],
        &[
            field("ResponseParameters", "responseParameters", Texts),
            field("ResponseTemplates", "responseTemplates", Texts),
            field("ResponseType", "responseType", Text),
            API,
            field("StatusCode", "statusCode", Text),
        ],
    ),
    named(kind(
        "AWS::ApiGateway::Model",
        "CreateModel",
        Member("name"),
        &[],
        &[
            field("ContentType", "contentType", Text),
            DESCRIPTION,
            NAME,
            API,
            field("Schema", "schema", Document),
        ],
    )),
    named(kind(
        "AWS::ApiGateway::RequestValidator",
        "CreateRequestValidator",
        Answer("/id"),
        &[("RequestValidatorId", "/id")],
        &[
            NAME,
            API,
            field("ValidateRequestBody", "validateRequestBody", Flag),
            field("ValidateRequestParameters", "validateRequestParameters", Flag),
        ],
    )),
    kind(
        "AWS::ApiGateway::Resource",
        "CreateResource",
        Answer("/id"),
        &[("ResourceId", "/id")],
        &[field("ParentId", "parentId", Text), field("PathPart", "pathPart", Text), API],
    ),
    named(kind(
        "AWS::ApiGateway::UsagePlan",
        "CreateUsagePlan",
        Answer("/id"),
        &[("Id", "/id")],
        &[
            field("ApiStages", "apiStages", List(PLAN_STAGE)),
            DESCRIPTION,
            field("Quota", "quota", One(QUOTA)),
            TAGS,
            field("Throttle", "throttle", One(RATES)),
            field("UsagePlanName", "name", Text),
        ],
    )),
    kind(
        "AWS::ApiGateway::UsagePlanKey",
        "CreateUsagePlanKey",
        Answer("/id"),
        &[("Id", "/id")],
        &[
            field("KeyId", "keyId", Text),
            field("KeyType", "keyType", Text),
            field("UsagePlanId", "usagePlanId", Text),
        ],
    ),
    named(kind(
        "AWS::ApiGateway::VpcLink",
        "CreateVpcLink",
        Answer("/id"),
        &[("VpcLinkId", "/id")],
        &[DESCRIPTION, NAME, TAGS, field("TargetArns", "targetArns", Plain)],
    )),
];

const TLS: &[Field] = &[field("InsecureSkipVerification", "insecureSkipVerification", Flag)];

/// Of `AWS::ApiGateway::Method`: what PutMethod is told.
pub(super) const METHOD: &[Field] = &[
    field("ApiKeyRequired", "apiKeyRequired", Flag),
    field("AuthorizationScopes", "authorizationScopes", Plain),
    field("AuthorizationType", "authorizationType", Text),
    field("AuthorizerId", "authorizerId", Text),
    field("OperationName", "operationName", Text),
    field("RequestModels", "requestModels", Texts),
    field("RequestParameters", "requestParameters", Flags),
    field("RequestValidatorId", "requestValidatorId", Text),
];
pub(super) const METHOD_RESPONSE: &[Field] = &[
    field("ResponseModels", "responseModels", Texts),
    field("ResponseParameters", "responseParameters", Flags),
    field("StatusCode", "statusCode", Text),
];
pub(super) const INTEGRATION: &[Field] = &[
    field("CacheKeyParameters", "cacheKeyParameters", Plain),
    field("CacheNamespace", "cacheNamespace", Text),
    field("ConnectionId", "connectionId", Text),
    field("ConnectionType", "connectionType", Text),
    field("ContentHandling", "contentHandling", Text),
    field("Credentials", "credentials", Text),
    field("IntegrationHttpMethod", "integrationHttpMethod", Text),
    field("IntegrationTarget", "integrationTarget", Text),
    field("PassthroughBehavior", "passthroughBehavior", Text),
    field("RequestParameters", "requestParameters", Texts),
    field("RequestTemplates", "requestTemplates", Texts),
    field("ResponseTransferMode", "responseTransferMode", Text),
    field("TimeoutInMillis", "timeoutInMillis", Number),
    field("TlsConfig", "tlsConfig", One(TLS)),
    field("Type", "type", Text),
    field("Uri", "uri", Text),
];
pub(super) const INTEGRATION_RESPONSE: &[Field] = &[
    field("ContentHandling", "contentHandling", Text),
    field("ResponseParameters", "responseParameters", Texts),
    field("ResponseTemplates", "responseTemplates", Texts),
    field("SelectionPattern", "selectionPattern", Text),
    field("StatusCode", "statusCode", Text),
];
const CANARY: &[Field] = &[
    field("DeploymentId", "deploymentId", Text),
    field("PercentTraffic", "percentTraffic", Number),
    field("StageVariableOverrides", "stageVariableOverrides", Texts),
    field("UseStageCache", "useStageCache", Flag),
];
/// Of `AWS::ApiGateway::Stage`: what CreateStage is told.
pub(super) const STAGE: &[Field] = &[
    field("CacheClusterEnabled", "cacheClusterEnabled", Flag),
    field("CacheClusterSize", "cacheClusterSize", Text),
    field("CanarySetting", "canarySettings", One(CANARY)),
    field("DeploymentId", "deploymentId", Text),
    DESCRIPTION,
    field("DocumentationVersion", "documentationVersion", Text),
    API,
    field("StageName", "stageName", Text),
    TAGS,
    field("TracingEnabled", "tracingEnabled", Flag),
    field("Variables", "variables", Texts),
];
const DEPLOYMENT_CANARY: &[Field] = &[
    field("PercentTraffic", "percentTraffic", Number),
    field("StageVariableOverrides", "stageVariableOverrides", Texts),
    field("UseStageCache", "useStageCache", Flag),
];
pub(super) const DEPLOYMENT: &[Field] = &[
    field("DeploymentCanarySettings", "canarySettings", One(DEPLOYMENT_CANARY)),
    DESCRIPTION,
    API,
    field("StageName", "stageName", Text),
];
/// Of a deployment's `StageDescription`: what CreateDeployment is told about its stage.
pub(super) const STAGE_DESCRIPTION: &[Field] = &[
    field("CacheClusterEnabled", "cacheClusterEnabled", Flag),
    field("CacheClusterSize", "cacheClusterSize", Text),
    field("Description", "stageDescription", Text),
    field("TracingEnabled", "tracingEnabled", Flag),
    field("Variables", "variables", Texts),
];
/// Of `AWS::ApiGateway::RestApi`: what CreateRestApi is told.
pub(super) const REST_API: &[Field] = &[
    field("ApiKeySourceType", "apiKeySource", Text),
    field("BinaryMediaTypes", "binaryMediaTypes", Plain),
    field("CloneFrom", "cloneFrom", Text),
    DESCRIPTION,
    field("DisableExecuteApiEndpoint", "disableExecuteApiEndpoint", Flag),
    field("EndpointAccessMode", "endpointAccessMode", Text),
    field("EndpointConfiguration", "endpointConfiguration", One(ENDPOINT)),
    field("MinimumCompressionSize", "minimumCompressionSize", Number),
    field("Policy", "policy", Document),
    field("SecurityPolicy", "securityPolicy", Text),
];
