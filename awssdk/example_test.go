package awssdk_test

import (
	"context"
	"fmt"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ec2"

	"github.com/botorate/botorate"
	"github.com/botorate/botorate/awssdk"
	"github.com/botorate/botorate/quota"
)

// Every client made from the config is paced: half of each of AWS's published quotas.
func Example() {
	cfg := aws.Config{Region: "eu-west-1"} // from config.LoadDefaultConfig, usually
	awssdk.Pace(&cfg, nil)
	client := ec2.NewFromConfig(cfg) // use it as ever
	fmt.Println(client.Options().Region)
	// Output: eu-west-1
}

// A governor for 80 % of each quota, with a dictionary of rates that are taken as said, for two configs.
func ExampleNewGovernor() {
	rules, err := quota.ParseLimits(map[string]string{"iam": "5/s", "ec2:CreateTags": "100ms"}, "settings")
	if err != nil {
		fmt.Println(err)
		return
	}
	governor, err := awssdk.NewGovernor(quota.Settings{Share: 0.8, Rules: rules})
	if err != nil {
		fmt.Println(err)
		return
	}
	ireland, frankfurt := aws.Config{Region: "eu-west-1"}, aws.Config{Region: "eu-central-1"}
	awssdk.Pace(&ireland, governor, awssdk.Tenant("reconciler"))
	awssdk.Pace(&frankfurt, governor, awssdk.Tenant("reconciler"))
	fmt.Println(governor.Limit(botorate.BucketID{Quota: "ec2:CreateTags", Scope: "123456789012/eu-west-1"}).Rate, "tags a second")
	// Output: 10 tags a second
}

// One call every 100 ms from one client, whatever it calls: the original botorate's parameter.
func ExampleEvery() {
	cfg := aws.Config{Region: "eu-west-1"}
	client := ec2.NewFromConfig(cfg, ec2.WithAPIOptions(awssdk.Every(100*time.Millisecond)))
	fmt.Println(client.Options().Region)
	// Output: eu-west-1
}

// What a person waits for goes before the rest.
func ExampleWithClass() {
	cfg := aws.Config{Region: "eu-west-1", HTTPClient: &script{}} // a test's client, which answers nothing
	awssdk.Pace(&cfg, nil)
	client := ec2.NewFromConfig(cfg)
	ctx := awssdk.WithClass(context.Background(), botorate.Interactive)
	out, err := client.DescribeInstances(ctx, &ec2.DescribeInstancesInput{MaxResults: aws.Int32(100)})
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(len(out.Reservations), "after a wait of", awssdk.Waited(out.ResultMetadata))
	// Output: 0 after a wait of 0s
}
