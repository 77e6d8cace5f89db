terraform {
  backend "s3" {
    key          = "interop/terraform.tfstate"
    region       = "us-east-1"
    use_lockfile = true
  }
}

resource "terraform_data" "example" {
  input = "paced"
}
